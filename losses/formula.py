"""A loss as a formula a person can read."""

from __future__ import annotations

from .family import MIX
from .parts import Part
from .registry import part
from .spec import LossSpec


def formula(spec: LossSpec) -> str:
    """One line of plain text: p is the probability of the true class t, z the logits, pi the class shares."""
    chosen = [part(name) for name in _ordered(spec)]
    at = {stage: [_filled(p, spec) for p in chosen if p.stage == stage] for stage in ("adjust", "smooth", "modulate", "weight")}
    mixed = " + ".join(
        text if weight == 1 else f"{_short(weight)} {f'({text})' if text.startswith('-') else text}"
        for weight, text in ((spec.parameters[f"{MIX}.{p.name}"], _filled(p, spec)) for p in chosen if p.stage == "term")
    )
    factors = at["weight"] + at["modulate"]
    compound = " + " in mixed or mixed.startswith("-")
    body = " * ".join([*factors, f"({mixed})" if compound and factors else mixed])
    where = at["adjust"] + at["smooth"]
    return f"mean[ {body} ]" + (f"  with {', '.join(where)}" if where else "")


def _ordered(spec: LossSpec) -> list[str]:
    names = []
    for name in spec.parameters:
        owner, _, rest = name.partition(".")
        chosen = rest if owner == MIX else owner
        if chosen not in names:
            names.append(chosen)
    return names


def _filled(chosen: Part, spec: LossSpec) -> str:
    return chosen.formula.format(**{p.name: _short(spec.parameters[f"{chosen.name}.{p.name}"]) for p in chosen.parameters})


def _short(value: float) -> str:
    return f"{value:.3g}"
