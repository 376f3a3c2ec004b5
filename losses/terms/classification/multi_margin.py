"""Multi-class hinge."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ...declarations import Number, Part, Standard
from ...kernels import Fast, stacked_terms
from .hinge import MARGIN


def multi_margin(logits: Tensor, target_logit: Tensor, is_target: Tensor, *, margin: Number) -> Tensor:
    """sum over the wrong classes j of max(0, margin - z_t + z_j), over K, per sample.

    Args:
        logits: (N, K).
        target_logit: (N,), the logit of the true class.
        is_target: (N, K), true at the true class.
        margin: Above 0; by how much the true class has to lead.
    """
    violation = (margin - target_logit.unsqueeze(-1) + logits).clamp(min=0)
    return violation.masked_fill(is_target, 0).mean(-1)


LEAD = replace(MARGIN, about="by how much the true class has to lead")
PART = Part(
    name="multi_margin",
    stage="term",
    kinds=("multiclass",),
    function=multi_margin,
    formula="mean_j max(0, {margin} - z_t + z_j)",
    latex=r"\tfrac1K\sum_{{j \neq t}} \max(0, {margin} - z_t + z_j)",
    source="Crammer and Singer 2001; torch.nn.MultiMarginLoss with p = 1",
    parameters=(LEAD,),
    standards={"hinge": Standard({"multi_margin.margin": 1})},
    broadcasts=True,
    fast=Fast(members=stacked_terms.multi_margin),
)
