"""What the class counts of the training data determine; a class never seen counts as seen once."""

from __future__ import annotations

import torch
from torch import Tensor


def log_prior_multiclass(class_counts: Tensor) -> Tensor:
    """ln of the share of each class in the training data, (K,); a class never seen counts as seen once."""
    counts = class_counts.clamp(min=1)
    return torch.log(counts / counts.sum())


def log_prior_binary(class_counts: Tensor) -> Tensor:
    """ln of positives over negatives in the training data, (); (L,) for multilabel."""
    counts = class_counts.clamp(min=1)
    return torch.log(counts[..., 1] / counts[..., 0])


def relative_size(class_counts: Tensor) -> Tensor:
    """Each class's training samples over those of the largest, (K,)."""
    counts = class_counts.clamp(min=1)
    return counts / counts.max()


def target_count_multiclass(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples the class of each sample has, (N,)."""
    return class_counts.clamp(min=1)[targets]


def target_count_binary(class_counts: Tensor, targets: Tensor) -> Tensor:
    """How many training samples share the answer, of the shape of the targets."""
    counts = class_counts.clamp(min=1)
    return counts[..., 0] + (counts[..., 1] - counts[..., 0]) * targets
