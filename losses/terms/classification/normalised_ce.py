"""Normalised cross entropy."""

from __future__ import annotations

from torch import Tensor

from ...declarations import CLASSIFICATION, Part, Standard


def normalised_ce(log_p: Tensor, log_p_sum: Tensor) -> Tensor:
    """ln p_t / sum_k ln p_k per sample: between 0 and 1.

    Args:
        log_p: (N,) or (N, L), ln of the probability p of the truth.
        log_p_sum: (N,) or (N, L), the sum of ln p_k over the classes.
    """
    return log_p / log_p_sum


PART = Part(
    name="normalised_ce",
    stage="term",
    kinds=CLASSIFICATION,
    function=normalised_ce,
    formula="ln p/sum_k ln p_k",
    latex=r"\frac{{\ln p}}{{\sum_k \ln p_k}}",
    source="Ma et al. 2020, Normalized Loss Functions for Deep Learning with Noisy Labels, eq. 6",
    standards={"nce_rce": Standard({"mix.normalised_ce": 1, "mix.mae": 4}, ("multiclass",))},
    broadcasts=True,
)
