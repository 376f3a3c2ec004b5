"""Cross entropy, and label smoothing of its targets."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, SIGNED, Part, Standard


def cross_entropy(log_likelihood: Tensor) -> Tensor:
    """-sum_k q_k ln p_k, per sample; q is one-hot unless label smoothing is on."""
    return -log_likelihood


PART = Part(
    name="cross_entropy",
    stage="term",
    kinds=CLASSIFICATION,
    function=cross_entropy,
    formula="-ln p",
    latex=r"-\ln p",
    source="Good 1952, Rational Decisions",
    standards={"cross_entropy": Standard(kinds=("multiclass",)), "bce": Standard(kinds=SIGNED)},
    broadcasts=True,
)
