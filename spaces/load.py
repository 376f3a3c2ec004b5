"""Spaces from presets and from a SPEC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ..losses import Kind, part
from ..losses.errors import UserError, unknown
from ..losses.family import MIX
from .domain import Domain
from .space import LEARNING_RATE, WEIGHT, Space

IMBALANCED_FROM = 3.0  # the largest class over the smallest


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The documents under `spaces/presets/`, by name."""
    folder = files(__package__) / "presets"
    return {
        entry.name.removesuffix(".yaml"): yaml.safe_load(entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def preset(name: str, kind: Kind) -> Space:
    """A shipped space; a `UserError` when there is none of that name for that kind."""
    fitting = {n for n, document in presets().items() if document["kind"] == kind}
    if name not in fitting:
        raise unknown(f"space for {kind}", name, fitting)
    document = presets()[name]
    domains: dict[str, Domain] = {}
    fixed: dict[str, float] = {}
    switches: dict[str, float] = {}
    for part_name, probability in document["parts"].items():
        found = part(part_name, kind)
        if probability < 1:
            switches[part_name] = float(probability)
        if found.stage == "term":
            domains[f"{MIX}.{part_name}"] = WEIGHT
        for parameter in found.parameters:
            domains[f"{part_name}.{parameter.name}"] = Domain(*parameter.search, log=parameter.log)
    return Space(kind, domains, switches, fixed, name, document["about"])


def auto(kind: Kind, class_counts: Sequence[int] | None) -> Space:
    """The preset that suits a task, with the reason in `Space.reason`."""
    if kind == "multiclass" and class_counts:
        ratio = max(class_counts) / max(min(class_counts), 1)
        name = "imbalanced" if ratio >= IMBALANCED_FROM else "multiclass"
        reason = f"the largest class has {ratio:.3g} times the samples of the smallest"
    else:
        name, reason = kind, f"the task is {kind}"
    space = preset(name, kind)
    return Space(kind, space.domains, space.switches, space.fixed, name, f"space {name}: {reason}")


def space_from(document: str | Mapping[str, Any], kind: Kind, class_counts: Sequence[int] | None = None) -> Space:
    """The space a SPEC asks for: `auto`, the name of a preset, or a mapping.

    A mapping starts from `preset` (default `auto`) and changes it: `parameters` maps a name to a number,
    which fixes it, or to {low, high, log}; `switches` maps a part to the probability that it is on (0
    takes it out, 1 always keeps it). Raises `UserError` for unknown names and values outside a domain.
    """
    if isinstance(document, str):
        return auto(kind, class_counts) if document == "auto" else preset(document, kind)
    for key in document:
        if key not in ("preset", "parameters", "switches"):
            raise unknown("key in the space", key, ("preset", "parameters", "switches"))
    base = space_from(str(document.get("preset", "auto")), kind, class_counts)
    domains, fixed = dict(base.domains), dict(base.fixed)
    for name, value in _mapping(document, "parameters").items():
        domains.pop(name, None)
        fixed.pop(name, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            fixed[name] = float(value)
        else:
            domains[name] = _domain(name, value, base.domains.get(name))
    switches = {**base.switches}
    for name, value in _mapping(document, "switches").items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"the switch of {name} must be a probability between 0 and 1, but got {value!r}")
        switches[name] = float(value)
        if part(name, kind).stage == "term":
            domains.setdefault(f"{MIX}.{name}", WEIGHT)
    return Space(kind, domains, switches, fixed, "own", f"space: {base.name}, changed by the SPEC")


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, Mapping):
        raise UserError(f"space: {key} must be a mapping of names to values, but got {value!r}")
    return value


def _domain(name: str, value: Any, base: Domain | None) -> Domain:
    if not isinstance(value, Mapping) or not set(value) <= {"low", "high", "log"}:
        raise UserError(f"space: {name} must be a number or a mapping of low, high and log, but got {value!r}")
    start = base or Domain(0, 1)
    try:
        return Domain(float(value.get("low", start.low)), float(value.get("high", start.high)), bool(value.get("log", start.log)))
    except (TypeError, ValueError) as error:
        raise UserError(f"space: low and high of {name} must be numbers, but got {dict(value)!r}") from error


__all__ = ["LEARNING_RATE", "auto", "preset", "presets", "space_from"]
