"""What losses read of the training targets: class counts, or the spread of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.kinds import Counts, kind_named
from ..records.typed_json import OMITTED

NORMAL = 1.4826  # standard deviations of a normal distribution in one median absolute deviation


@dataclass(frozen=True)
class Constants:
    """What losses read of the training targets, as plain numbers; None where they read something else.

    Attributes:
        class_counts: The training samples of each class (K,), (negatives, positives) for binary, or such a
            pair for each label.
        target_scale: The spread of the training targets, in their unit, above 0.
    """

    class_counts: Counts | None = field(default=None, metadata=OMITTED)
    target_scale: float | None = field(default=None, metadata=OMITTED)

    @classmethod
    def of(cls, found: Mapping[str, Tensor]) -> Constants:
        """The constants that `constants_of` found, as plain numbers."""
        return cls(**{name: _frozen(values.tolist()) for name, values in found.items()})


def _frozen(values: Any) -> Any:
    return tuple(map(_frozen, values)) if isinstance(values, list) else values


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
