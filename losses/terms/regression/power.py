"""A power of the error."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part


def power(residual: Tensor, *, p: Number) -> Tensor:
    """|r|^p per sample. Below p = 1 the slope at 0 is infinite; it is taken as 0 there, as of |r|.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        p: In (0, 6]; 1 absolute, 2 squared.
    """
    size = residual.abs()
    there = size > 1e-12
    return torch.where(there, torch.where(there, size, 1) ** p, 0)


def _same_as(p: float) -> dict[str, float] | None:
    """The absolute error at 1, the squared error at 2."""
    return {1.0: {"mix.absolute": 1.0}, 2.0: {"mix.mse": 1.0}}.get(p)


PART = Part(
    name="power",
    stage="term",
    kinds=("regression",),
    function=power,
    formula="|r|^{p}",
    latex=r"|r|^{{{p}}}",
    source="Money et al. 1982, The Linear Regression Model: Lp Norm Estimation",
    parameters=(
        Parameter(
            "p", default=1.5, search=(0.5, 4), domain=(0, 6), open_low=True, about="1 absolute, 2 squared"
        ),
    ),
    same_as=_same_as,
    broadcasts=True,
)
