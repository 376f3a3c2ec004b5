"""Margin surrogate of the area under the ROC curve."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import SIGNED, Number, Parameter, Part
from ...numerics import mean_where


def auc_margin(probabilities: Tensor, truth: Tensor, counted: Tensor, *, margin: Number) -> Tensor:
    """Variance of p over positives plus over negatives plus max(0, margin - difference of means)^2, ().

    The mean over the M columns that have both in the batch; means and variances are weighted by what counts.
    This is the paper's min-max loss at its optimum.

    Args:
        probabilities: (N, M), of a yes to each of M labels, M = 1 for binary.
        truth: (N, M), 1 where true, else 0.
        counted: (N, M) or (N, 1), how much each target counts.
        margin: In (0, 1]; how far apart the mean probabilities of positives and negatives should be.
    """
    positive, negative = truth * counted, (1 - truth) * counted
    there = (positive.sum(0) > 0) & (negative.sum(0) > 0)
    n, m = torch.where(there, positive.sum(0), 1), torch.where(there, negative.sum(0), 1)
    high, low = (probabilities * positive).sum(0) / n, (probabilities * negative).sum(0) / m
    spread = ((probabilities - high).square() * positive).sum(0) / n
    spread = spread + ((probabilities - low).square() * negative).sum(0) / m
    loss = spread + (margin - high + low).clamp(min=0).square()
    return mean_where(loss, there)


PART = Part(
    name="auc_margin",
    stage="term",
    kinds=SIGNED,
    function=auc_margin,
    formula="auc_margin(p; {margin})",
    latex=r"\mathrm{{AUC}}_{{{margin}}}(p)",
    source="Yuan et al. 2021, Large-scale Robust Deep AUC Maximization, eq. 3 and 5",
    parameters=(
        Parameter(
            "margin",
            default=1,
            domain=(0, 1),
            search=(0.3, 1),
            open_low=True,
            about="how far apart the mean probabilities of positives and negatives should be",
        ),
    ),
    level="batch",
)
