"""A problem small enough that training on it takes no time, and losses to train with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...losses import standard_spec
from ...spaces.recipe import Recipe
from ..records import Candidate
from ..tasks.task import Task

FEATURES, CLASSES, EPOCHS = 4, 3, 3
LOSSES = ("cross_entropy", "label_smoothing", "focal")


def _part(count: int, seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % CLASSES
    centres = torch.eye(CLASSES, FEATURES, dtype=torch.float64)
    noise = torch.randn(count, FEATURES, generator=draw, dtype=torch.float64)
    return centres[labels] + noise, labels


def small_task() -> Task:
    """Return a task of three overlapping clouds in double precision, with a validation part."""
    return Task(
        name="clouds",
        kind="multiclass",
        train=_part(60, 0),
        validation=_part(30, 1),
        test=_part(30, 2),
        model=lambda: nn.Sequential(nn.Linear(FEATURES, 6), nn.ReLU(), nn.Linear(6, CLASSES)),
        metric="accuracy",
        recipe={"epochs": EPOCHS, "batch_size": 16},
    )


def small_candidates(recipe: Recipe) -> list[Candidate]:
    """Return three losses, each with three learning rates around the recipe's."""
    return [
        Candidate(standard_spec(name, "multiclass"), recipe.with_rate(recipe.rate * factor))
        for name in LOSSES
        for factor in (0.3, 1.0, 3.0)
    ]
