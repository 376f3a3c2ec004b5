"""Smooth average precision."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import SIGNED, Number, Parameter, Part, Standard
from ...numerics import ranked_before, shortfall


def smooth_ap(probabilities: Tensor, truth: Tensor, counted: Tensor, *, temperature: Number) -> Tensor:
    """1 - mean over the M columns of a smooth average precision over the batch, ().

    The rank of a sample is 1 plus the sum over the others of sigmoid((p_j - p_i) / temperature); with
    temperature -> 0 this is average precision. A sample that counts w takes w places. A column without a
    positive in the batch is left out. Takes N x N x M numbers.

    Args:
        probabilities: (N, M), of a yes to each of M labels, M = 1 for binary.
        truth: (N, M), 1 where true, else 0.
        counted: (N, M) or (N, 1), how much each target counts.
        temperature: Above 0; difference of probabilities that counts as a difference in rank.
    """
    ahead = ranked_before(probabilities, counted, temperature)
    positive, own = truth * counted, torch.where(counted > 0, counted, 1)
    rank_in_positives = own + (ahead * truth.unsqueeze(0)).sum(1)
    precision = rank_in_positives / (own + ahead.sum(1))
    return shortfall(precision, positive)


TEMPERATURE = Parameter(
    "temperature",
    default=0.01,
    domain=(0, float("inf")),
    search=(0.001, 0.1),
    open_low=True,
    log=True,
    about="difference of probabilities that counts as a difference in rank",
)
PART = Part(
    name="smooth_ap",
    stage="term",
    kinds=SIGNED,
    function=smooth_ap,
    formula="(1 - AP[{temperature}])",
    latex=r"\left(1 - AP_{{{temperature}}}\right)",
    source="Brown et al. 2020, Smooth-AP, eq. 6",
    parameters=(TEMPERATURE,),
    standards={"smooth_ap": Standard({"smooth_ap.temperature": 0.01})},
    level="batch",
)
