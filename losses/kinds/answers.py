"""What kinds have in common whose outputs are one logit for yes or no."""

from __future__ import annotations

import torch
from torch import Tensor


def predictions(outputs: Tensor) -> Tensor:
    """1 where the logit is above 0, else 0."""
    return (outputs > 0).long()


def random_targets(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Zeros and ones of the shape of the outputs, (N,) or (N, L); both answers occur for every label."""
    samples = len(outputs)
    turn = torch.arange(outputs.numel()).reshape(outputs.shape) // max(1, outputs.numel() // samples) % 2
    return turn[torch.randperm(samples, generator=generator)].to(outputs.dtype)


def count(targets: Tensor) -> Tensor:
    """(negatives, positives) for each column of targets (N, L): (L, 2)."""
    positives = (targets == 1).sum(0)
    return torch.stack([len(targets) - positives, positives], 1)
