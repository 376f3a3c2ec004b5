"""What classification has in common: everything per sample follows from one number, the gap.

The *gap* is the logit of the true class minus the log-sum-exp of the others, so that p = sigmoid(gap) is the
probability of the true class. Both ln p and ln(1 - p) are then exact at any confidence, which is what keeps
every gradient finite: 1 - p by subtraction loses all its digits when p is near one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from .quantity import Quantity


def log_p(gap: Tensor) -> Tensor:
    """ln p, p being the probability of the true class."""
    return F.logsigmoid(gap)


def log_not_p(gap: Tensor) -> Tensor:
    """ln(1 - p)."""
    return F.logsigmoid(-gap)


def log_likelihood(log_p: Tensor) -> Tensor:
    """The expected log-likelihood of the targets; label smoothing replaces it."""
    return log_p


def mask(targets: Tensor, outputs: Tensor) -> Tensor:
    """How much each target counts, of the shape of the targets: 1, unless it is given.

    Given it is where something is ignored, which counts 0, or where samples have weights.

    Args:
        targets: Of the shape that the kind has.
        outputs: For their dtype alone.
    """
    return torch.ones_like(targets, dtype=outputs.dtype)


QUANTITIES = {
    "log_p": Quantity(log_p),
    "log_not_p": Quantity(log_not_p),
    "log_likelihood": Quantity(log_likelihood),
    "mask": Quantity(mask, of_shape=True),
}
