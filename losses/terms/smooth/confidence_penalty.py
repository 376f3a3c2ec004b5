"""Confidence penalty."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part


def confidence_penalty(log_likelihood: Tensor, entropy: Tensor, *, beta: Number) -> Tensor:
    """Expected log-likelihood plus beta times the entropy of the prediction, per sample.

    Args:
        log_likelihood: (N,) or (N, L), the expected ln p under the targets.
        entropy: (N,) or (N, L), of the predicted probabilities, in nats.
        beta: At least 0; reward of an undecided prediction.
    """
    return log_likelihood + beta * entropy


PART = Part(
    name="confidence_penalty",
    stage="smooth",
    kinds=CLASSIFICATION,
    function=confidence_penalty,
    formula="-ln p -> -ln p - {beta} H(p)",
    latex=r"-\ln p \to -\ln p - {beta}\,H(p)",
    source="Pereyra et al. 2017, Regularizing Neural Networks by Penalizing Confident Output Distributions",
    parameters=(
        Parameter(
            "beta",
            default=0.1,
            domain=(0, float("inf")),
            search=(0.01, 1),
            log=True,
            neutral=0,
            about="reward of an undecided prediction",
        ),
    ),
    order=1,
    broadcasts=True,
)
