"""Digits with 40% symmetric label noise in training and validation; a clean test part."""

from __future__ import annotations

import torch

from ...random_streams import generator
from ..data import Data
from ..task import Task
from .digits import CLASSES, mlp, parts

NOISE = 0.4


def task() -> Task:
    """Noisy labels wherever a search may look, as in life; the test part shows the truth."""
    train, validation, test = parts()
    return Task(
        name="digits-noisy",
        kind="multiclass",
        train=_noisy(train, "train"),
        validation=_noisy(validation, "validation"),
        test=test,
        model=mlp,
        metric="macro_f1",
        recipe={"epochs": 40, "batch_size": 64, "optimizer": "adam", "learning_rate": 3e-3},
    )


def _noisy(data: Data, part: str) -> Data:
    """Each label replaced, with probability `NOISE`, by one of the other classes."""
    inputs, targets = data
    draw = generator("digits-noisy", part)
    flipped = torch.rand(len(targets), generator=draw) < NOISE
    shift = torch.randint(1, CLASSES, (len(targets),), generator=draw)
    return inputs, torch.where(flipped, (targets + shift) % CLASSES, targets)
