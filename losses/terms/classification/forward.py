"""Cross entropy corrected for labels that were drawn at random."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, Number, Parameter, Part


def forward(log_not_p: Tensor, *, floor: Number) -> Tensor:
    """-ln((p + floor) / (1 + floor)) per sample, exact where p is near 1.

    If a share r of the labels was drawn anew among K classes, a label has the probability (1 - r) p + r/K,
    and its likelihood is this loss with floor = r / (K (1 - r)).

    Args:
        log_not_p: (N,) or (N, L), ln(1 - p), p being the probability of the truth.
        floor: At least 0.001; what a wrong label may count at most: it costs ln(1 + 1/floor), however sure
            the model is.
    """
    return -torch.log1p(-torch.exp(log_not_p) / (1 + floor))


PART = Part(
    name="forward",
    stage="term",
    kinds=CLASSIFICATION,
    function=forward,
    formula="-ln((p + {floor})/(1 + {floor}))",
    latex=r"-\ln\frac{{p + {floor}}}{{1 + {floor}}}",
    source="Patrini et al. 2017, Making Deep Neural Networks Robust to Label Noise, theorem 2, even noise",
    parameters=(
        Parameter(
            "floor",
            default=0.05,
            # Below, 1 - 1 / (1 + floor) would be made of the last digits of a float32.
            domain=(1e-3, float("inf")),
            search=(0.003, 1),
            log=True,
            about="what a wrong label may count at most: it costs ln(1 + 1/floor), however sure the model is",
        ),
    ),
    broadcasts=True,
)
