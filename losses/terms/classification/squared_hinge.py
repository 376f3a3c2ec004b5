"""Squared hinge loss."""

from __future__ import annotations

from torch import Tensor

from ...declarations import SIGNED, Number, Part, Standard
from .hinge import MARGIN


def squared_hinge(gap: Tensor, *, margin: Number) -> Tensor:
    """max(0, margin - z)^2, z being the logit, signed so that positive is right.

    Args:
        gap: (N,) or (N, L), the logit, signed so that positive is right.
        margin: Above 0; by how much the logit has to be right.
    """
    return (margin - gap).clamp(min=0).square()


PART = Part(
    name="squared_hinge",
    stage="term",
    kinds=SIGNED,
    function=squared_hinge,
    formula="max(0, {margin} - z)^2",
    latex=r"\max(0, {margin} - z)^2",
    source="Lee and Mangasarian 2001; the L2 loss of linear support vector machines",
    parameters=(MARGIN,),
    standards={"squared_hinge": Standard({"squared_hinge.margin": 1})},
    broadcasts=True,
)
