"""Soft F1, Dice and Tversky."""

from __future__ import annotations

import torch
from torch import Tensor

from ...declarations import CLASSIFICATION, SIGNED, Number, Parameter, Part, Standard


def tversky(probabilities: Tensor, truth: Tensor, counted: Tensor, *, alpha: Number, beta: Number) -> Tensor:
    """1 - mean over the M columns of TP / (TP + alpha FP + beta FN), counted in probabilities, ().

    alpha = beta = 1/2 is one minus F1 (Dice). A column without any truth is judged by its false positives
    alone, as FP / (1 + FP), so that it is 0 when nothing is claimed and still has a gradient. A sample that
    counts w is counted as w.

    Args:
        probabilities: (N, M), of M classes, or of a yes to each of M labels.
        truth: (N, M), 1 where true, else 0.
        counted: (N, M) or (N, 1), how much each target counts.
        alpha: Above 0; cost of a false positive.
        beta: Above 0; cost of a false negative.
    """
    p, y = probabilities * counted, truth * counted
    hits = (p * truth).sum(0)
    false, missed = p.sum(0) - hits, y.sum(0) - hits
    there = y.sum(0) > 0
    total = hits + alpha * false + beta * missed
    found = 1 - hits / torch.where(there, total, 1)
    return torch.where(there, found, false / (1 + false)).mean()


PART = Part(
    name="tversky",
    stage="term",
    kinds=CLASSIFICATION,
    function=tversky,
    formula="(1 - TP/(TP + {alpha} FP + {beta} FN))",
    latex=r"\left(1 - \frac{{TP}}{{TP + {alpha} FP + {beta} FN}}\right)",
    source="Salehi et al. 2017, Tversky loss function; alpha = beta = 1/2: Milletari et al. 2016, V-Net",
    parameters=(
        Parameter(
            "alpha",
            default=0.5,
            domain=(0, float("inf")),
            search=(0.1, 0.9),
            open_low=True,
            about="cost of a false positive",
        ),
        Parameter(
            "beta",
            default=0.5,
            domain=(0, float("inf")),
            search=(0.1, 0.9),
            open_low=True,
            about="cost of a false negative",
        ),
    ),
    standards={"soft_f1": Standard({"tversky.alpha": 0.5, "tversky.beta": 0.5}, SIGNED)},
    level="batch",
)
