"""One way of writing for every loss, so that equal losses are recognised.

What is gone from a loss in canonical form: the scale of the mix (its weights sum to one), terms of weight
zero, parts at their neutral value, parts that nothing reads, and terms that are other terms at their
parameter values (`Part.same_as`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..declarations import Kind, Part
from ..errors import UserError
from ..family import MIX, inputs_of, parameter_named, part, parts_for

Values = dict[str, float]


def canonical(kind: Kind, given: Mapping[str, float]) -> Values:
    """The parameters of the same loss in canonical form and order.

    Args:
        kind: The kind of problem.
        given: The family's parameters by name, such as {"mix.gce": 1, "gce.q": 0.7}.

    Raises:
        UserError: A name is unknown, a value lies outside its domain, or no term has a weight above 0.
    """
    checked = {name: _checked(kind, name, value) for name, value in given.items()}
    weights = {name: value for name, value in checked.items() if name.startswith(f"{MIX}.") and value > 0}
    if not weights:
        first = next(name for name, p in parts_for(kind).items() if p.stage == "term")
        raise UserError(f"a loss needs at least one term with a weight above 0, such as mix.{first}: 1")
    values = _normalised(weights) | _with_defaults(kind, weights, checked)
    values = _rewritten(_without_the_dead(kind, values))
    return _ordered(kind, _rescaled(values))


def _with_defaults(kind: Kind, weights: Iterable[str], checked: Mapping[str, float]) -> Values:
    """Every parameter of every part that is in the loss."""
    result: Values = {}
    for name, candidate in parts_for(kind).items():
        keys = {f"{name}.{p.name}": p for p in candidate.parameters}
        there = (
            f"{MIX}.{name}" in weights if candidate.stage == "term" else bool(keys.keys() & checked.keys())
        )
        if there:
            result |= {key: _rounded(checked.get(key, p.default)) for key, p in keys.items()}
    return result


def _without_the_dead(kind: Kind, values: Values) -> Values:
    """Without parts at their neutral value and without parts that nothing reads."""
    terms = terms_of(values)
    samples = [term for term in terms if term.level == "sample"]
    smoothed = any("log_likelihood" in inputs_of(term.function) for term in samples)
    dead = set()
    for name in {key.partition(".")[0] for key in values} - {MIX}:
        candidate = part(name, kind)
        own = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{name}.")}
        unread = (candidate.stage == "smooth" and not smoothed) or (
            candidate.stage in ("modulate", "weight", "select", "reduce") and not samples
        )
        if candidate.stage != "term" and (unread or candidate.is_neutral(own)):
            dead.add(name)
    return {key: value for key, value in values.items() if key.partition(".")[0] not in dead}


def _rewritten(values: Values) -> Values:
    """With every term that is another one at its parameter values written as that other."""
    smoothed = any(part(key.partition(".")[0]).stage == "smooth" for key in values if not key.startswith(MIX))
    for term in terms_of(values):
        own = {p.name: values[f"{term.name}.{p.name}"] for p in term.parameters}
        same = term.same_as(**own) if term.same_as else None
        if same is None:
            continue
        others = {key: factor for key, factor in same.items() if not key.startswith(f"{MIX}.")}
        alone = sum(t.level == "sample" for t in terms_of(values)) == 1
        reads = "log_likelihood" in inputs_of(term.function)
        if (others and not alone) or (smoothed and not reads and f"{MIX}.cross_entropy" in same):
            continue
        weight = values.pop(f"{MIX}.{term.name}")
        for name in own:
            del values[f"{term.name}.{name}"]
        for key, factor in same.items():
            values[key] = values.get(key, 0) + (factor if key in others else weight * factor)
    return _contracted({key: value for key, value in values.items() if not key.startswith(MIX) or value != 0})


def _contracted(values: Values) -> Values:
    """Poly-1 with a negative parameter leaves a negative weight of 1 - p, which only Poly-1 can hold."""
    negative = values.get(f"{MIX}.mae", 0)
    if negative < 0:
        del values[f"{MIX}.mae"]
        values[f"{MIX}.poly1"] = values.pop(f"{MIX}.cross_entropy")
        values["poly1.epsilon"] = _rounded(negative / values[f"{MIX}.poly1"])
    return values


def _total(values: Values) -> float:
    """The sum of the weights; 1 where it is 1 but for rounding, so that normalising twice changes nothing."""
    total = sum(value for key, value in values.items() if key.startswith(f"{MIX}."))
    return 1.0 if abs(total - 1) < 1e-10 else total


def _normalised(values: Values) -> Values:
    """With the sum of the weights one."""
    total = _total(values)
    return {
        key: _rounded(value / total) if key.startswith(f"{MIX}.") else value for key, value in values.items()
    }


def _rescaled(values: Values) -> Values:
    """The same after a rewriting that changed the scale: what is measured in losses changes with it."""
    total = _total(values)
    scaled = dict(values)
    for key in values:
        if not key.startswith(f"{MIX}.") and parameter_named(key).per_loss:
            scaled[key] = _rounded(values[key] * total)
    return _normalised(scaled)


def _ordered(kind: Kind, values: Values) -> Values:
    result: Values = {}
    for name, candidate in parts_for(kind).items():
        keys = [f"{MIX}.{name}", *(f"{name}.{p.name}" for p in candidate.parameters)]
        result |= {key: values[key] for key in keys if key in values}
    return result


def terms_of(values: Iterable[str]) -> list[Part]:
    """The terms that have a weight among these names."""
    return [part(key.removeprefix(f"{MIX}.")) for key in values if key.startswith(f"{MIX}.")]


def part_and_parameter(name: str) -> tuple[str, str | None]:
    """("focal", "gamma") for "focal.gamma", ("gce", None) for "mix.gce"."""
    owner, _, parameter = name.partition(".")
    return (parameter, None) if owner == MIX else (owner, parameter)


def _checked(kind: Kind, name: str, value: float) -> float:
    owner, parameter = part_and_parameter(name)
    found = part(owner, kind)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise UserError(f"{name} must be a finite number, but got {value!r}")
    if parameter is None:
        if found.stage != "term":
            raise UserError(
                f"only terms have a weight; {owner} is a part of stage {found.stage}, "
                f"but got {name} = {value:g}"
            )
        if value < 0:
            raise UserError(f"weights of the mix must be at least 0, but got {name} = {value:g}")
        return float(value)
    return parameter_named(name, kind).check(owner, value)


def _rounded(value: float) -> float:
    return (
        float(f"{value:.12g}") + 0.0
    )  # so that 0.1 + 0.2 and 0.3 are the same weight, and -0.0 and 0.0 the same
