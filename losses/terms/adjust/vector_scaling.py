"""Scaling of the logits by class."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part


def vector_scaling(logits: Tensor, relative_size: Tensor, *, gamma: Number) -> Tensor:
    """(n_j / n_max)^gamma z_j: in training, the logits of rare classes count less.

    Args:
        logits: (N, K).
        relative_size: (K,), the training samples of each class over those of the largest.
        gamma: At least 0; how much less; logit adjustment adds the rest of the paper's loss.
    """
    return logits * relative_size**gamma


PART = Part(
    name="vector_scaling",
    stage="adjust",
    kinds=("multiclass",),
    function=vector_scaling,
    formula="z_j -> (n_j/n_max)^{gamma} z_j",
    latex=r"z_j \to (n_j/n_{{\max}})^{{{gamma}}} z_j",
    source="Kini et al. 2021, Label-Imbalanced and Group-Sensitive Classification, eq. 4",
    parameters=(
        Parameter(
            "gamma",
            default=0.2,
            domain=(0, float("inf")),
            search=(0.02, 0.5),
            neutral=0,
            about="how much less; logit adjustment adds the rest of the paper's loss",
        ),
    ),
    order=2,
    broadcasts=True,
)
