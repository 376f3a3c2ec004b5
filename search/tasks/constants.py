"""What losses read of the training targets: class counts, or the spread of the target."""

from __future__ import annotations

import torch
from torch import Tensor

from ...losses import Kind

NORMAL = 1.4826  # standard deviations of a normal distribution in one median absolute deviation


def constants_of(kind: Kind, targets: Tensor, classes: int | None) -> dict[str, Tensor]:
    """The constants that losses of a kind are bound to.

    Args:
        kind: The kind of problem.
        targets: Training targets (N,), (N, L) or (N, D).
        classes: The number of classes K for multiclass, None for the other kinds.

    Returns:
        `class_counts`, of shape (K,) for multiclass, (2,) for binary (negatives, positives) and (L, 2) for
        multilabel; or `target_scale` (0-d) for regression: the median absolute deviation times 1.4826 (the
        standard deviation, for normal data), or the standard deviation where more than half of the targets
        are equal.
    """
    if kind == "multiclass":
        assert classes is not None
        return {"class_counts": torch.bincount(targets, minlength=classes)}
    if kind == "regression":
        values = targets.double()
        spread = NORMAL * (values - values.median()).abs().median()
        spread = spread if spread > 0 else values.std(correction=0)
        return {"target_scale": spread if spread > 0 else torch.ones((), dtype=torch.float64)}
    by_label = targets.reshape(-1, 1) if kind == "binary" else targets.reshape(len(targets), -1)
    positives = (by_label == 1).sum(0)
    counts = torch.stack([len(by_label) - positives, positives], 1)
    return {"class_counts": counts[0] if kind == "binary" else counts}
