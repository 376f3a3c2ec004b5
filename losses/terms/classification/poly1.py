"""Poly-1."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part, Standard


def poly1(log_likelihood: Tensor, log_not_p: Tensor, *, epsilon: Number) -> Tensor:
    """Cross entropy plus epsilon (1 - p), per sample; with focal modulation the paper's focal Poly-1.

    Args:
        log_likelihood: (N,) or (N, L), the expected ln p under the targets.
        log_not_p: (N,) or (N, L), ln(1 - p), p being the probability of the truth.
        epsilon: At least -1; weight of the first polynomial term; 0 is cross entropy.
    """
    return epsilon * torch.exp(log_not_p) - log_likelihood


def _same_as(epsilon: float) -> dict[str, float]:
    """Cross entropy plus epsilon times the mean absolute error."""
    return {"mix.cross_entropy": 1.0, "mix.mae": epsilon}


PART = Part(
    name="poly1",
    stage="term",
    kinds=CLASSIFICATION,
    function=poly1,
    formula="(-ln p + {epsilon} (1 - p))",
    latex=r"\left(-\ln p + {epsilon}\,(1 - p)\right)",
    source="Leng et al. 2022, PolyLoss, eq. 6",
    parameters=(
        Parameter(
            "epsilon",
            default=1,
            domain=(-1, float("inf")),
            search=(-1, 8),
            about="weight of the first polynomial term; 0 is cross entropy",
        ),
    ),
    standards={"poly1": Standard({"poly1.epsilon": 1}, ("multiclass",))},
    same_as=_same_as,
    broadcasts=True,
)
