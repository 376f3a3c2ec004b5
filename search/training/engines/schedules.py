"""How the learning rate moves over a training, by torch's own schedulers."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR, StepLR

from ....spaces.recipe import Recipe


def scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe, steps_per_epoch: int) -> LRScheduler | None:
    """The recipe's schedule for an optimiser, to be stepped after every batch; None where it is constant.

    Args:
        optimizer: The optimiser of a model.
        recipe: How the model is trained.
        steps_per_epoch: How many batches an epoch has.
    """
    steps = recipe.trained_epochs * steps_per_epoch
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimizer, steps)
    if recipe.schedule == "one_cycle":
        largest = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, largest, total_steps=steps, cycle_momentum=False)
    if recipe.schedule == "step":
        epochs = recipe.step_epochs or max(1, recipe.trained_epochs // 3)
        return StepLR(optimizer, epochs * steps_per_epoch, recipe.step_factor)
    return None


def factors(recipe: Recipe, steps_per_epoch: int) -> Tensor:
    """The share of the recipe's learning rate that each step takes, (steps,) in float64.

    Every schedule is proportional to the learning rate, so its course at a rate of one says all. It is zero
    in the epochs for which the recipe does not train.

    Args:
        recipe: How a model is trained.
        steps_per_epoch: How many batches an epoch has.
    """
    trained = recipe.trained_epochs
    course = _factors(recipe.schedule, trained, recipe.step_epochs, recipe.step_factor, steps_per_epoch)
    return nn.functional.pad(course, (0, (recipe.epochs - trained) * steps_per_epoch))


@lru_cache(maxsize=64)
def _factors(
    schedule: str, epochs: int, step_epochs: int | None, step_factor: float, per_epoch: int
) -> Tensor:
    recipe = Recipe(epochs, schedule=schedule, step_epochs=step_epochs, step_factor=step_factor)
    steps = epochs * per_epoch
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    course = scheduler(optimizer, recipe, per_epoch)
    if course is None:
        return torch.ones(steps, dtype=torch.float64)
    found = torch.empty(steps, dtype=torch.float64)
    for step in range(steps):
        found[step] = optimizer.param_groups[0]["lr"]
        optimizer.step()  # torch warns where a scheduler is stepped before its optimiser
        if step + 1 < steps:
            course.step()
    return found
