"""What losses read of the training targets: class counts, or the spread of the target."""

from __future__ import annotations

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.kinds import kind_named

NORMAL = 1.4826  # standard deviations of a normal distribution in one median absolute deviation


def constants_of(kind: Kind, targets: Tensor, classes: int | None) -> dict[str, Tensor]:
    """The constants that losses of a kind are bound to.

    Args:
        kind: The kind of problem.
        targets: Training targets (N,), (N, L) or (N, D); NaN where they are missing.
        classes: The number of classes K for multiclass, None for the other kinds.

    Returns:
        `class_counts`, of shape (K,) for multiclass, (2,) for binary (negatives, positives) and (L, 2) for
        multilabel; or `target_scale` (0-d) for regression: the median absolute deviation times 1.4826 (the
        standard deviation, for normal data), or the standard deviation where more than half of the targets
        are equal.
    """
    known = kind_named(kind)
    if known.count is not None:
        return {known.constant: known.count(targets, classes)}
    values = targets[~targets.isnan()].double()
    spread = NORMAL * (values - values.median()).abs().median()
    spread = spread if spread > 0 else values.std(correction=0)
    return {known.constant: spread if spread > 0 else torch.ones((), dtype=torch.float64)}
