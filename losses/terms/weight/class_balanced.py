"""Weights by the effective number of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import COUNTED, Number, Parameter, Part, Standard
from ...numerics import number_like


def class_balanced(target_count: Tensor, *, beta: Number) -> Tensor:
    """1 / (1 - beta^n_t) per sample, up to a constant that the weighted mean removes.

    Through expm1, for beta is close to 1 and the difference would lose its digits; beta = 0 gives 1.

    Args:
        target_count: The training samples that share the class or answer of each target, of the targets'
            shape.
        beta: In [0, 0.9999999]; near 1 the weights approach inverse frequency; 0 weighs all samples alike.
    """
    log_beta = torch.log(number_like(beta, target_count).clamp(min=1e-30))
    return -1 / torch.expm1(target_count * log_beta)


PART = Part(
    name="class_balanced",
    stage="weight",
    kinds=COUNTED,
    function=class_balanced,
    formula="1/(1 - {beta}^n_t)",
    latex=r"\frac{{1}}{{1 - {beta}^{{n_t}}}}",
    source="Cui et al. 2019, Class-Balanced Loss Based on Effective Number of Samples, eq. 6",
    parameters=(
        Parameter(
            "beta",
            default=0.999,
            search=(0.5, 0.99999),
            domain=(0, 0.9999999),
            neutral=0,
            about="near 1 the weights approach inverse frequency; 0 weighs all samples alike",
        ),
    ),
    standards={
        "class_balanced": Standard({"mix.cross_entropy": 1, "class_balanced.beta": 0.999}, ("multiclass",))
    },
    broadcasts=True,
)
