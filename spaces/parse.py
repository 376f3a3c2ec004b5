"""Spaces from presets and from a SPEC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ..losses import Kind, Part, part, parts
from ..losses.custom import adopt
from ..losses.errors import UserError, number_hint, unknown
from ..losses.family import MIX
from ..losses.kinds import kind_named
from ..losses.spec import checked_counts
from .domain import Domain
from .numbers import WEIGHT, usual_domain
from .recipe import RECIPE, checked_options
from .space import Space

IMBALANCED_FROM = 3.0  # the largest class over the smallest
RANKING_METRICS = ("auroc", "average_precision", "mAP")
ROBUST_METRICS = ("mae", "median_ae")
QUANTILE_METRIC = "pinball"  # followed by the quantile: pinball@0.9
OWN_SWITCH = 0.5  # how often a term of the user's own is in a loss
_KEYS = ("preset", "parameters", "switches", "terms")
Counts = Sequence[int | Sequence[int]]


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The documents under `spaces/shipped/`, by name."""
    folder = files(__package__) / "shipped"
    return {
        entry.name.removesuffix(".yaml"): yaml.safe_load(entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def preset(name: str, kind: Kind) -> Space:
    """A shipped space.

    Args:
        name: A key of `presets()`.
        kind: The kind of problem.

    Raises:
        UserError: There is none of this name for this kind.
    """
    fitting = {n for n, document in presets().items() if kind in document["kinds"]}
    if name not in fitting:
        raise unknown(f"space for {kind}", name, fitting | {"auto"})
    document = presets()[name]
    domains: dict[str, Domain] = {}
    switches: dict[str, float] = {}
    for part_name, probability in document["parts"].items():
        if part_name in parts() and kind not in part(part_name).kinds:
            continue  # a preset of several kinds may name parts that only some of them have
        found = part(part_name, kind)
        if probability < 1:
            switches[part_name] = float(probability)
        domains |= usual_domains(found)
    return Space(kind, domains, switches, {}, name, document["about"])


def usual_domains(found: Part) -> dict[str, Domain]:
    """The usual ranges of a part's parameters, and of its weight where it is a term."""
    weight = {f"{MIX}.{found.name}": WEIGHT} if found.stage == "term" else {}
    return weight | {f"{found.name}.{p.name}": Domain(*p.search, log=p.log) for p in found.parameters}


def auto(kind: Kind, class_counts: Counts | None = None, metric: str | None = None) -> Space:
    """The preset that suits a task, with the reason in `Space.reason`.

    Args:
        kind: The kind of problem.
        class_counts: The training samples of each class; None where they are not known.
        metric: The name of the metric, such as "macro_f1"; None for any.
    """
    name, reason = _choice(kind, class_counts, metric)
    return replace(preset(name, kind), reason=f"space {name} is searched: {reason}", extensible=True)


def _choice(kind: Kind, class_counts: Counts | None, metric: str | None) -> tuple[str, str]:
    """The name of a preset and why it is this one."""
    target = kind_named(kind).target
    if target == "class" and class_counts:
        sizes = [n for n in checked_counts(kind, class_counts) if isinstance(n, int)]
        ratio = max(sizes) / max(min(sizes), 1)
        name = "imbalanced" if ratio >= IMBALANCED_FROM else kind
        shown = f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"
        return name, f"the largest class has {shown} times the samples of the smallest"
    if target == "answer" and metric in RANKING_METRICS:
        return "ranking-metrics", f"{metric} judges the order of the answers"
    if target == "number" and metric in ROBUST_METRICS:
        return "outliers", f"{metric} forgives large errors"
    if target == "number" and (metric or "").partition("@")[0] == QUANTILE_METRIC:
        return "quantiles", f"{metric} weighs errors above and below differently"
    return kind, f"the task is {kind}"


def space_from(
    document: str | Mapping[str, Any],
    kind: Kind,
    class_counts: Counts | None = None,
    metric: str | None = None,
) -> Space:
    """The space a SPEC asks for.

        >>> space = space_from({"preset": "multiclass", "parameters": {"gce.q": 0.7}}, "multiclass")
        >>> space.fixed["gce.q"]
        0.7

    Args:
        document: `auto`, the name of a preset, or a mapping that changes `preset` (default `auto`).
            `parameters` maps a name to a number, which fixes it, or to {low, high, log}, and
            `recipe.schedule` to a list of schedules; `switches` maps a part to the probability that it is on
            (0 takes it out, 1 always keeps it); `terms` lists losses of the user's own, each FILE:OBJECT,
            whose files are run.
        kind: the kind of problem.
        class_counts: the training samples of each class, which `auto` reads.
        metric: the name of the metric, which `auto` reads.

    Raises:
        UserError: an unknown name, a value outside a domain, or an own loss that breaks a promise.
    """
    if isinstance(document, str):
        return auto(kind, class_counts, metric) if document == "auto" else preset(document, kind)
    if wrong := [key for key in document if key not in _KEYS]:
        raise unknown("key in the space", wrong[0], _KEYS)
    own = adopt(own_terms(document), kind)
    base = space_from(str(document.get("preset", "auto")), kind, class_counts, metric)
    domains, fixed, options = dict(base.domains), dict(base.fixed), dict(base.options)
    given = base.given
    for term in own:
        domains |= usual_domains(term)
    for name, value in _mapping(document, "parameters").items():
        domains.pop(name, None)
        fixed.pop(name, None)
        if name.startswith(f"{RECIPE}.") and isinstance(value, list | str):
            options[name] = checked_options(name, [value] if isinstance(value, str) else value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            fixed[name] = _float(name, value)
        else:
            domains[name] = _domain(name, value, base.domains.get(name) or usual_domain(name, kind))
            given |= {name} if value.keys() & {"low", "high"} else set()
    switches = {**base.switches, **dict.fromkeys((term.name for term in own), OWN_SWITCH)}
    for name, value in _mapping(document, "switches").items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"the switch of {name} must be a probability between 0 and 1, but got {value!r}")
        found = part(name, kind)
        switches[name] = _float(name, value)
        joining = usual_domains(found).items()
        domains |= {key: domain for key, domain in joining if key not in {**domains, **fixed}}
    return replace(
        base,
        domains=domains,
        switches=switches,
        fixed=fixed,
        name="own",
        reason=f"space: {base.name}, changed by the SPEC",
        options=options,
        given=given,
    )


def own_terms(space: object) -> list[str]:
    """The places, FILE:OBJECT, of the user's own losses that a SPEC's space names.

    A process that was not forked from one that read the SPEC calls `adopt(own_terms(space), kind)` before it
    computes with losses.
    """
    terms = space.get("terms") if isinstance(space, Mapping) else None
    terms = [] if terms is None else terms
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise UserError(
            f"space: terms must be a list of FILE:OBJECT, such as [mine.py:loss], but got {terms!r}"
        )
    return terms


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    value = {} if value is None else value
    if not isinstance(value, Mapping):
        raise UserError(f"space: {key} must be a mapping of names to values, but got {value!r}")
    if odd := [name for name in value if not isinstance(name, str)]:
        raise UserError(f"space: each name in {key} must be text such as focal.gamma, but got {odd[0]!r}")
    return value


def _domain(name: str, value: Any, base: Domain | None) -> Domain:
    if not isinstance(value, Mapping) or not set(value) <= {"low", "high", "log"}:
        raise UserError(
            f"space: {name} must be a number or a mapping of low, high and log, but got {value!r}"
            f"{number_hint(value)}"
        )
    start = base or Domain(0, 1)
    low, high, log = value.get("low", start.low), value.get("high", start.high), value.get("log", start.log)
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high)):
        hint = number_hint(low) or number_hint(high)
        raise UserError(f"space: low and high of {name} must be numbers, but got {dict(value)!r}{hint}")
    if not isinstance(log, bool):
        raise UserError(f"space: log of {name} must be true or false, but got {log!r}")
    return Domain(_float(name, low), _float(name, high), log)


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        raise UserError(
            f"space: {name} must be at most 1.8e308, but got a number of {len(str(value))} digits"
        ) from None
