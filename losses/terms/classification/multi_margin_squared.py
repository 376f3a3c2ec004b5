"""Squared multi-class hinge."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Part
from .multi_margin import LEAD


def multi_margin_squared(
    logits: Tensor, target_logit: Tensor, is_target: Tensor, *, margin: Number
) -> Tensor:
    """sum over the wrong classes j of max(0, margin - z_t + z_j)^2, over K, per sample.

    Args:
        logits: (N, K).
        target_logit: (N,), the logit of the true class.
        is_target: (N, K), true at the true class.
        margin: Above 0; by how much the true class has to lead.
    """
    violation = (margin - target_logit.unsqueeze(-1) + logits).clamp(min=0)
    return violation.square().masked_fill(is_target, 0).mean(-1)


PART = Part(
    name="multi_margin_squared",
    stage="term",
    kinds=("multiclass",),
    function=multi_margin_squared,
    formula="mean_j max(0, {margin} - z_t + z_j)^2",
    latex=r"\tfrac1K\sum_{{j \neq t}} \max(0, {margin} - z_t + z_j)^2",
    source="Crammer and Singer 2001; torch.nn.MultiMarginLoss with p = 2",
    parameters=(LEAD,),
    broadcasts=True,
)
