"""Welsch's loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Part, Standard
from .barron import SCALE


def welsch(residual: Tensor, *, c: Number) -> Tensor:
    """c^2 (1 - exp(-(r/c)^2 / 2)) per sample: Barron's loss in the limit alpha -> -infinity.

    Beyond |r/c| = 50 the exponential is 0 in every precision.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        c: Above 0; where errors begin to count as large, in units of the target's spread.
    """
    return -(c**2) * torch.expm1(-(residual / c).clamp(-50, 50).square() / 2)


PART = Part(
    name="welsch",
    stage="term",
    kinds=("regression",),
    function=welsch,
    formula="{c}^2 (1 - exp(-(r/{c})^2/2))",
    latex=r"{c}^2\left(1 - e^{{-(r/{c})^2/2}}\right)",
    source="Dennis and Welsch 1978; Barron 2019",
    parameters=(SCALE,),
    standards={"welsch": Standard({"welsch.c": 1})},
    broadcasts=True,
)
