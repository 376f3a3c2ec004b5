"""Label-distribution-aware margin."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part, Standard


def ldam(logits: Tensor, relative_size: Tensor, is_target: Tensor, *, max_m: Number) -> Tensor:
    """z_t - max_m (n_min / n_t)^(1/4): the rarest class has to win by max_m, larger ones by less.

    Args:
        logits: (N, K).
        relative_size: (K,), the training samples of each class over those of the largest.
        is_target: (N, K), true at the true class.
        max_m: At least 0; margin of the rarest class.
    """
    margins = (relative_size.amin(-1, keepdim=True) / relative_size) ** 0.25
    return logits - (max_m * margins) * is_target


PART = Part(
    name="ldam",
    stage="adjust",
    kinds=("multiclass",),
    function=ldam,
    formula="z_t -> z_t - {max_m} (n_min/n_t)^(1/4)",
    latex=r"z_t \to z_t - {max_m}\,(n_{{\min}}/n_t)^{{1/4}}",
    source="Cao et al. 2019, LDAM, eq. 13; there the logits are 30 times a cosine, here they are the model's",
    parameters=(
        Parameter(
            "max_m",
            default=0.5,
            domain=(0, float("inf")),
            search=(0.05, 1),
            neutral=0,
            about="margin of the rarest class",
        ),
    ),
    standards={"ldam": Standard({"mix.cross_entropy": 1, "ldam.max_m": 0.5})},
    order=5,
    broadcasts=True,
)
