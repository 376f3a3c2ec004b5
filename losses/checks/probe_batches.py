"""Batches to try a loss on: random ones, and the extremes of what a model may put out."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kinds import Kind, kind_named

EXTREMES = (0.0, 20.0, -20.0, 1e2, -1e2, 6e4, -6e4)  # 6e4 is about as far as half precision goes
TARGET_SCALE = 1.5


def constants(kind: Kind) -> dict[str, Tensor]:
    """What losses of this kind read of the training set."""
    found = kind_named(kind)
    if found.counted:
        return {"class_counts": torch.tensor(found.probe_counts)}
    return {"target_scale": torch.tensor(TARGET_SCALE, dtype=torch.float64)}


def random_batch(
    kind: Kind, size: int = 12, *, seed: int = 0, dtype: torch.dtype = torch.float64, spread: float = 2.0
) -> tuple[Tensor, Tensor]:
    """A batch of normal outputs and random targets, in which every class and answer occurs.

    Args:
        kind: The kind of problem.
        size: N.
        seed: Of outputs and targets.
        dtype: Of outputs, and of targets that are no classes.
        spread: The standard deviation of the outputs.
    """
    found, generator = kind_named(kind), torch.Generator().manual_seed(seed)
    shape = (size, *found.probe_columns)
    outputs = (spread * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)
    return outputs, found.random_targets(outputs, generator)


def extreme_batch(kind: Kind, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Every combination of the extremes with every target; see `ProblemKind.extremes`.

    Args:
        kind: The kind of problem.
        dtype: Of outputs, and of targets that are no classes.
    """
    return kind_named(kind).extremes(torch.tensor(EXTREMES, dtype=dtype))
