"""Smooth recall at the top of the ranking."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import SIGNED, Number, Parameter, Part
from ...numerics import ranked_before, shortfall
from .smooth_ap import TEMPERATURE


def recall_at(
    probabilities: Tensor, truth: Tensor, counted: Tensor, *, fraction: Number, temperature: Number
) -> Tensor:
    """1 - mean over the M columns of the share of positives among the top k = fraction N of the batch, ().

    A sample is in by sigmoid(k + 1/2 - rank), its rank being smooth as in `smooth_ap`. A sample that counts w
    takes w places. A column without a positive in the batch is left out. Takes N x N x M numbers.

    Args:
        probabilities: (N, M), of a yes to each of M labels, M = 1 for binary.
        truth: (N, M), 1 where true, else 0.
        counted: (N, M) or (N, 1), how much each target counts.
        fraction: In (0, 1]; the share of the batch that counts as the top.
        temperature: Above 0; difference of probabilities that counts as a difference in rank.
    """
    rank = torch.where(counted > 0, counted, 1) + ranked_before(probabilities, counted, temperature).sum(1)
    total, number = counted.sum(0), (counted > 0).sum(0).clamp(min=1)
    place = torch.where(total > 0, total, number) / number  # how much a sample counts on average
    inside = torch.sigmoid((fraction * total - rank) / place + 0.5)
    return shortfall(inside, truth * counted)


PART = Part(
    name="recall_at",
    stage="term",
    kinds=SIGNED,
    function=recall_at,
    formula="(1 - recall at {fraction} [{temperature}])",
    latex=r"\left(1 - R_{{{fraction}, {temperature}}}\right)",
    source="Patel et al. 2022, Recall@k Surrogate Loss with Large Batches and Similarity Mixup, eq. 6",
    parameters=(
        Parameter(
            "fraction",
            default=0.1,
            domain=(0, 1),
            search=(0.01, 0.5),
            open_low=True,
            log=True,
            about="the share of the batch that counts as the top",
        ),
        TEMPERATURE,
    ),
    level="batch",
)
