"""Label smoothing."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part, Standard
from ...kernels import Fast, smoothed_log_p


def label_smoothing(log_p: Tensor, log_p_mean: Tensor, *, epsilon: Number) -> Tensor:
    """Expected log-likelihood under the targets (1 - epsilon) y + epsilon / K, per sample.

    Args:
        log_p: (N,) or (N, L), ln of the probability p of the truth.
        log_p_mean: (N,) or (N, L), the mean of ln p_k over the classes.
        epsilon: In [0, 1]; how much of the target is spread evenly over the classes.
    """
    return (1 - epsilon) * log_p + epsilon * log_p_mean


PART = Part(
    name="label_smoothing",
    stage="smooth",
    kinds=CLASSIFICATION,
    function=label_smoothing,
    formula="y -> (1 - {epsilon}) y + {epsilon}/K",
    latex=r"y \to (1 - {epsilon})\,y + {epsilon}/K",
    source="Szegedy et al. 2016, Rethinking the Inception Architecture, section 7",
    parameters=(
        Parameter(
            "epsilon",
            default=0.1,
            domain=(0, 1),
            search=(0.01, 0.4),
            neutral=0,
            about="how much of the target is spread evenly over the classes",
        ),
    ),
    standards={
        "label_smoothing": Standard({"mix.cross_entropy": 1, "label_smoothing.epsilon": 0.1}, ("multiclass",))
    },
    broadcasts=True,
    fast=Fast(alone=smoothed_log_p),
)
