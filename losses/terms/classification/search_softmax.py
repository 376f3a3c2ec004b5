"""Search-Softmax."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part


def search_softmax(log_likelihood: Tensor, log_not_p: Tensor, *, b: Number) -> Tensor:
    """-ln(p / (1 + b (1 - p))) per sample; the paper's a is -b.

    Args:
        log_likelihood: (N,) or (N, L), the expected ln p under the targets.
        log_not_p: (N,) or (N, L), ln(1 - p), p being the probability of the truth.
        b: At least 0; how much more undecided samples are pushed.
    """
    return torch.log1p(b * torch.exp(log_not_p)) - log_likelihood


def _same_as(b: float) -> dict[str, float] | None:
    """Cross entropy at 0."""
    return {"mix.cross_entropy": 1.0} if b == 0 else None


PART = Part(
    name="search_softmax",
    stage="term",
    kinds=CLASSIFICATION,
    function=search_softmax,
    formula="-ln(p/(1 + {b} (1 - p)))",
    latex=r"-\ln\frac{{p}}{{1 + {b}\,(1 - p)}}",
    source="Wang et al. 2020, Loss Function Search for Face Recognition, eq. 9",
    parameters=(
        Parameter(
            "b",
            default=1,
            domain=(0, float("inf")),
            search=(0.01, 100),
            log=True,
            about="how much more undecided samples are pushed",
        ),
    ),
    same_as=_same_as,
    broadcasts=True,
)
