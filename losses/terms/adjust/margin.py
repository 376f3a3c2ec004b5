"""Additive margin."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part
from ...kernels import Fast, stacked_terms


def margin(logits: Tensor, is_target: Tensor, *, m: Number) -> Tensor:
    """The logits with m taken from the true class: it has to win by m.

    Args:
        logits: (N, K).
        is_target: (N, K), true at the true class.
        m: Any real; by how much the true class has to lead.
    """
    return logits - m * is_target.to(logits.dtype)  # a number times a truth value would be float32


PART = Part(
    name="margin",
    stage="adjust",
    kinds=("multiclass",),
    function=margin,
    formula="z_t -> z_t - {m}",
    latex=r"z_t \to z_t - {m}",
    source="Wang et al. 2018, CosFace; Wang et al. 2018, Additive Margin Softmax",
    parameters=(
        Parameter(
            "m", default=0.5, search=(-1, 2), neutral=0, about="by how much the true class has to lead"
        ),
    ),
    order=4,
    broadcasts=True,
    fast=Fast(members=stacked_terms.margin),
)
