"""Generalised cross entropy."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part, Standard
from ...numerics import relative_expm1


def gce(log_p: Tensor, *, q: Number) -> Tensor:
    """(1 - p^q) / q per sample: cross entropy as q -> 0, 1 - p at q = 1.

    Args:
        log_p: (N,) or (N, L), ln of the probability p of the truth.
        q: In [0, 1]; how little outliers count: 0 is cross entropy, 1 is the mean absolute error.
    """
    return -log_p * relative_expm1(q * log_p)


def _same_as(q: float) -> dict[str, float] | None:
    """Cross entropy at 0, the mean absolute error at 1."""
    return {0.0: {"mix.cross_entropy": 1.0}, 1.0: {"mix.mae": 1.0}}.get(q)


PART = Part(
    name="gce",
    stage="term",
    kinds=CLASSIFICATION,
    function=gce,
    formula="(1 - p^{q})/{q}",
    latex=r"\frac{{1 - p^{{{q}}}}}{{{q}}}",
    source="Zhang and Sabuncu 2018, Generalized Cross Entropy Loss, eq. 6",
    parameters=(
        Parameter(
            "q",
            default=0.7,
            domain=(0, 1),
            search=(0.05, 1),
            about="how little outliers count: 0 is cross entropy, 1 is the mean absolute error",
        ),
    ),
    standards={"gce": Standard({"gce.q": 0.7}, ("multiclass",))},
    same_as=_same_as,
    broadcasts=True,
)
