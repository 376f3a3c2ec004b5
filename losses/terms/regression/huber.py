"""Huber's loss."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import Number, Parameter, Part, Standard
from ...numerics import number_like


def huber(residual: Tensor, *, delta: Number) -> Tensor:
    """r^2/2 up to |r| = delta, delta (|r| - delta/2) beyond, per sample. Smooth L1 is this over delta.

    Args:
        residual: (N,) or (N, D), prediction minus target, in units of the targets' spread.
        delta: Above 0; where the loss turns from quadratic to linear, in units of the target's spread.
    """
    size = residual.abs()
    inner = torch.minimum(size, number_like(delta, size))
    return inner * (size - inner / 2)


PART = Part(
    name="huber",
    stage="term",
    kinds=("regression",),
    function=huber,
    formula="huber(r; {delta})",
    latex=r"H_{{{delta}}}(r)",
    source="Huber 1964, Robust Estimation of a Location Parameter",
    parameters=(
        Parameter(
            "delta",
            default=1,
            search=(0.01, 10),
            domain=(0, float("inf")),
            open_low=True,
            log=True,
            about="where the loss turns from quadratic to linear, in units of the target's spread",
        ),
    ),
    standards={"huber": Standard({"huber.delta": 1}), "smooth_l1": Standard({"huber.delta": 1})},
    broadcasts=True,
)
