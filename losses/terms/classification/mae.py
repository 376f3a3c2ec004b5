"""Mean absolute error between the one-hot target and the probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, Part, Standard


def mae(log_not_p: Tensor) -> Tensor:
    """1 - p per sample. Ghosh et al. sum |y_k - p_k| over the classes, which is twice this.

    Reverse cross entropy is -A times this, A being what stands for ln 0; so its A is a weight here.
    """
    return torch.exp(log_not_p)


PART = Part(
    name="mae",
    stage="term",
    kinds=CLASSIFICATION,
    function=mae,
    formula="(1 - p)",
    latex=r"(1 - p)",
    source="Ghosh et al. 2017, Robust Loss Functions under Label Noise; Wang et al. 2019, A = -4",
    standards={
        "mae": Standard(kinds=("multiclass",)),
        "sce": Standard({"mix.cross_entropy": 0.1, "mix.mae": 4}, ("multiclass",)),
    },
    broadcasts=True,
)
