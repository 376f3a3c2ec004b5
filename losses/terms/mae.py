"""Mean absolute error between the one-hot target and the probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from ..parts import CLASSIFICATION, Part


def mae(log_not_p: Tensor) -> Tensor:
    """1 - p per sample. Ghosh et al. sum |y_k - p_k| over the classes, which is twice this."""
    return torch.exp(log_not_p)


PART = Part(
    name="mae",
    stage="term",
    kinds=CLASSIFICATION,
    function=mae,
    formula="(1 - p)",
    latex=r"(1 - p)",
    source="Ghosh et al. 2017, Robust Loss Functions under Label Noise",
    standards={"mae": {}, "sce": {"mix.cross_entropy": 0.1 / 4.1, "mix.mae": 4 / 4.1}},
)
