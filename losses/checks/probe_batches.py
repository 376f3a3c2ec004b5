"""Batches to try a loss on: random ones, and the extremes of what a model may put out."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..declarations import Kind

EXTREMES = (0.0, 20.0, -20.0, 1e2, -1e2, 6e4, -6e4)  # 6e4 is about as far as half precision goes
COUNTS: dict[str, Any] = {
    "multiclass": (90, 40, 17, 8, 3),
    "binary": (120, 15),
    "multilabel": ((90, 10), (50, 50), (8, 92)),
}
TARGET_SCALE = 1.5


def columns(kind: Kind) -> tuple[int, ...]:
    """The shape of one sample's outputs in these batches."""
    return {"multiclass": (5,), "binary": (), "multilabel": (3,), "regression": ()}[kind]


def constants(kind: Kind) -> dict[str, Tensor]:
    """What losses of this kind read of the training set."""
    if kind == "regression":
        return {"target_scale": torch.tensor(TARGET_SCALE, dtype=torch.float64)}
    return {"class_counts": torch.tensor(COUNTS[kind])}


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
    generator = torch.Generator().manual_seed(seed)
    shape = (size, *columns(kind))
    outputs = spread * torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == "multiclass":
        targets = torch.arange(size) % shape[1]
        return outputs.to(dtype), targets[torch.randperm(size, generator=generator)]
    if kind == "regression":
        return outputs.to(dtype), torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    targets = torch.arange(outputs.numel()).reshape(shape) // max(1, outputs.numel() // max(1, size)) % 2
    return outputs.to(dtype), targets[torch.randperm(size, generator=generator)].to(dtype)


def extreme_batch(kind: Kind, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Every combination of the extremes with every target, for three classes or two labels.

    Args:
        kind: The kind of problem.
        dtype: Of outputs, and of targets that are no classes.
    """
    if kind in ("regression", "binary"):
        outputs, targets = (
            torch.tensor(v, dtype=dtype) for v in zip(*product(EXTREMES, (0.0, 1.0)), strict=True)
        )
        return outputs, targets
    if kind == "multilabel":
        rows = list(product(EXTREMES, EXTREMES, (0.0, 1.0), (0.0, 1.0)))
        table = torch.tensor(rows, dtype=dtype)
        zero = torch.zeros(len(rows), 1, dtype=dtype)
        return torch.cat([table[:, :2], zero], 1), torch.cat([table[:, 2:], zero], 1)
    three = torch.tensor(list(product(EXTREMES, repeat=3)), dtype=dtype)
    wide = torch.cat([three, three[:, :1], -three[:, 1:2]], 1)
    targets = torch.arange(5).repeat_interleave(len(wide))
    return wide.repeat(5, 1), targets
