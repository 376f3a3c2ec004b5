"""Which classes a loss takes for which: counts of test samples, true class by decided class."""

from __future__ import annotations

import torch
from torch import Tensor

from ...losses.kinds import Kind, kind_named

MOST_CLASSES = 30  # more are no table that anybody reads
Confusion = tuple[tuple[float, ...], ...]


def confusion(kind: Kind, outputs: Tensor, targets: Tensor) -> Confusion:
    """Count the samples of each true class (rows) that are decided to be of each class (columns).

    Args:
        kind: The kind of problem.
        outputs: Outputs (R, N, ...) of R refits, their tuned cut-offs added.
        targets: Targets (N, ...).

    Returns:
        Means over the refits: (K, K) for classes, (2, 2) for binary with the negative class first. Empty
        where a sample has no single class, or where there are more than `MOST_CLASSES`.
    """
    found = kind_named(kind)
    if not found.classified or not found.single:
        return ()
    classes = outputs.shape[-1] if found.decision == "argmax" else 2
    decided = found.predictions(outputs).reshape(len(outputs), -1).long()
    truth = targets.reshape(-1).long()
    if classes > MOST_CLASSES or decided.shape[1] != len(truth):
        return ()
    counted = (truth >= 0).expand_as(decided)
    cells = (truth.clamp(min=0) * classes + decided)[counted]
    counts = torch.bincount(cells, minlength=classes**2).double() / len(outputs)
    return tuple(map(tuple, counts.reshape(classes, classes).tolist()))
