"""Brier score."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Part


def brier(probabilities: Tensor, truth: Tensor) -> Tensor:
    """sum_k (p_k - y_k)^2 per sample.

    Args:
        probabilities: (N, K).
        truth: (N, K), 1 at the true class, else 0.
    """
    return (probabilities - truth).square().sum(-1)


PART = Part(
    name="brier",
    stage="term",
    kinds=("multiclass",),
    function=brier,
    formula="sum_k (p_k - y_k)^2",
    latex=r"\sum_k (p_k - y_k)^2",
    source="Brier 1950, Verification of Forecasts Expressed in Terms of Probability",
    broadcasts=True,
)
