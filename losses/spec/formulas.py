"""A loss as a formula a person can read, in plain text and in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from ..declarations import Part, Stage
from ..family import MIX, part
from .canonical import part_and_parameter

_PLUS_MINUS = {"- -": "+ ", "+ -": "- "}


class Parametrised(Protocol):
    """What has the parameters of a loss, as a `LossSpec` does."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """The family's parameters by name, in canonical form."""


def formula(loss: Parametrised) -> str:
    """A loss in one line of plain text.

    p is the probability of the true class t, z the logits, pi the class shares, r the residual.

    Example:
        >>> from lossmith.losses import LossSpec
        >>> formula(LossSpec("multiclass", {"mix.cross_entropy": 1, "focal.gamma": 2}))
        'mean[ (1 - p)^2 * (-ln p) ]'
    """
    body, where = _assembled(loss.parameters, lambda p: p.formula, " * ")
    return f"{body}  with {', '.join(where)}" if where else body


def latex(loss: Parametrised) -> str:
    """A loss in LaTeX, for a math environment; what the formula applies to follows after a space."""
    body, where = _assembled(loss.parameters, lambda p: p.latex, r"\,")
    body = re.sub(r"^mean\[ (.*) \]", r"\\operatorname{mean}\\left[\1\\right]", body)
    conditions = r",\; ".join(where)
    return rf"{body} \quad \text{{with }} {conditions}" if where else body


def _assembled(
    parameters: Mapping[str, float], text: Callable[[Part], str], product: str
) -> tuple[str, list[str]]:
    chosen = _parts(parameters)

    def at(stage: Stage) -> list[str]:
        return [_filled(text(p), p, parameters) for p in chosen if p.stage == stage]

    def weighted(terms: list[Part]) -> str:
        pairs = [(parameters[f"{MIX}.{p.name}"], _filled(text(p), p, parameters)) for p in terms]
        return " + ".join(
            body if weight == 1 else f"{_short(weight)} {f'({body})' if body.startswith('-') else body}"
            for weight, body in pairs
        )

    terms = [p for p in chosen if p.stage == "term"]
    samples, batch = ([p for p in terms if p.level == level] for level in ("sample", "batch"))
    sums = []
    if samples:
        factors, mixed = at("weight") + at("modulate"), weighted(samples)
        compound = (" + " in mixed or mixed.startswith("-")) and factors
        sums.append(f"mean[ {product.join([*factors, f'({mixed})' if compound else mixed])} ]")
    if batch:
        sums.append(weighted(batch))
    return " + ".join(sums), at("adjust") + at("smooth") + at("select") + at("reduce")


def _parts(parameters: Mapping[str, float]) -> list[Part]:
    return [part(name) for name in dict.fromkeys(part_and_parameter(name)[0] for name in parameters)]


def _filled(text: str, chosen: Part, parameters: Mapping[str, float]) -> str:
    values = {p.name: _short(parameters[f"{chosen.name}.{p.name}"]) for p in chosen.parameters}
    filled = text.format(**values)
    for signs, sign in _PLUS_MINUS.items():
        filled = re.sub(rf"{re.escape(signs)}(?=[\d.])", sign, filled)
    return re.sub(r"(?<![\w.^/])1 (?=[a-zA-Z(])", "", filled)  # "1 ln p" is "ln p"


def _short(value: float) -> str:
    return f"{value:.3g}"
