"""Focal modulation."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part, Standard


def focal(log_not_p: Tensor, *, gamma: Number) -> Tensor:
    """(1 - p)^gamma per sample, through ln(1 - p) so that the gradient stays finite for 0 < gamma < 1.

    Args:
        log_not_p: (N,) or (N, L), ln(1 - p), p being the probability of the truth.
        gamma: At least 0; how strongly confident samples are turned down.
    """
    return torch.exp(gamma * log_not_p)


PART = Part(
    name="focal",
    stage="modulate",
    kinds=CLASSIFICATION,
    function=focal,
    formula="(1 - p)^{gamma}",
    latex=r"(1 - p)^{{{gamma}}}",
    source="Lin et al. 2017, Focal Loss for Dense Object Detection, eq. 4 and 5",
    parameters=(
        Parameter(
            "gamma",
            default=2,
            domain=(0, float("inf")),
            search=(0.1, 5),
            neutral=0,
            about="how strongly confident samples are turned down",
        ),
    ),
    standards={
        "focal": Standard({"mix.cross_entropy": 1, "focal.gamma": 2}, ("multiclass",)),
    },
    broadcasts=True,
)
