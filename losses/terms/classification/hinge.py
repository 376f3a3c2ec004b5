"""Hinge loss."""

from __future__ import annotations

from torch import Tensor

from ...declarations import SIGNED, Number, Parameter, Part, Standard


def hinge(gap: Tensor, *, margin: Number) -> Tensor:
    """max(0, margin - z), z being the logit, signed so that positive is right.

    Args:
        gap: (N,) or (N, L), the logit, signed so that positive is right.
        margin: Above 0; by how much the logit has to be right.
    """
    return (margin - gap).clamp(min=0)


MARGIN = Parameter(
    "margin",
    default=1,
    domain=(0, float("inf")),
    search=(0.1, 2),
    open_low=True,
    log=True,
    about="by how much the logit has to be right",
)
PART = Part(
    name="hinge",
    stage="term",
    kinds=SIGNED,
    function=hinge,
    formula="max(0, {margin} - z)",
    latex=r"\max(0, {margin} - z)",
    source="Cortes and Vapnik 1995, Support-Vector Networks",
    parameters=(MARGIN,),
    standards={"hinge": Standard({"hinge.margin": 1})},
    broadcasts=True,
)
