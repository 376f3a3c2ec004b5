"""What a task gets that says nothing of its model, its recipe or its metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from torch import Tensor, nn

from ....losses import Kind
from ....losses.errors import UserError, one_line
from ....losses.kinds import kind_named
from ....spaces.recipe import Recipe
from ...memory import room, size_text
from ...metrics import METRICS

HIDDEN = (64, 64)
STEPS = 1200  # of training: where the epochs that a table of middling size gets come from
MOST_EPOCHS, LEAST_EPOCHS = 60, 8
COPIES = 4 * 4  # bytes of a parameter in training: itself, its gradient and two moments, in float32


@dataclass(frozen=True)
class Mlp:
    """A factory of multi-layer perceptrons with ReLU; inputs (N, ...) that are no rows are flattened.

    Attributes:
        shape: The shape of one sample's inputs.
        hidden: The sizes of the hidden layers; empty for a linear model.
        outputs: The number of outputs.
    """

    shape: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int

    def __call__(self) -> nn.Module:
        """Build a model, randomly initialised."""
        sizes = (prod(self.shape), *self.hidden, self.outputs)
        layers: list[nn.Module] = [] if len(self.shape) == 1 else [nn.Flatten()]
        for index, size in enumerate(sizes[1:]):
            layers += [nn.ReLU()] * (index > 0) + [nn.Linear(sizes[index], size)]
        return nn.Sequential(*layers)

    def __str__(self) -> str:
        sizes = (prod(self.shape), *self.hidden, self.outputs)
        return f"{'MLP' if self.hidden else 'linear'} {'-'.join(map(str, sizes))}"


def outputs_of(kind: Kind, targets: Tensor) -> int:
    """The number of outputs that a model needs.

    Args:
        kind: The kind of problem.
        targets: Training targets (N,) or (N, D).
    """
    return kind_named(kind).outputs_for(targets)


def metric_for(kind: Kind) -> str:
    """The metric of a kind of problem where nobody names one: macro-F1, balanced accuracy, R2."""
    return next(name for name in kind_named(kind).usual_metrics if name in METRICS)


def recipe_for(rows: int) -> dict[str, Any]:
    """Batches and epochs that suit a training part: about 1,200 steps, at most 60 epochs.

    Args:
        rows: The number of training samples, at least 1.
    """
    batch = next((size for bound, size in ((2_000, 32), (10_000, 64), (50_000, 128)) if rows < bound), 256)
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS * batch / rows)))
    return {"epochs": epochs, "batch_size": batch}


def mlp_for(shape: Sequence[int], hidden: Any, outputs: int) -> Mlp:
    """A factory of MLPs.

    Args:
        shape: The shape of one sample's inputs.
        hidden: The sizes of the hidden layers; None for the usual two.
        outputs: The number of outputs.

    Raises:
        UserError: `hidden` is no list of whole numbers of at least 1, or the model does not fit into memory.
    """
    sizes = HIDDEN if hidden is None else hidden
    if not isinstance(sizes, list | tuple) or not all(type(size) is int and size >= 1 for size in sizes):
        shown = list(sizes) if isinstance(sizes, list | tuple) else sizes
        raise UserError(
            f"hidden must be sizes of layers such as [64, 64], but got {one_line(repr(shown), 60)}"
        )
    widths = (prod(shape), *sizes, outputs)
    needed = COPIES * sum((one + 1) * other for one, other in pairwise(widths))
    if needed > room():
        raise UserError(
            f"hidden must be sizes of layers that fit into half of the free memory, {size_text(room())}, but "
            f"{one_line(list(sizes), 60)} needs {size_text(min(needed, 10**30))} in training"
        )
    return Mlp(tuple(shape), tuple(sizes), outputs)


def training_line(model: Callable[[], nn.Module], recipe: Recipe, metric: Any) -> str:
    """Say in one line how a task is trained.

    Args:
        model: Builds a model.
        recipe: How it is trained.
        metric: The metric's name, or the user's own.
    """
    try:
        built = model()
        parameters = sum(p.numel() for p in built.parameters())
    except Exception:  # noqa: BLE001  (whoever makes the task of these fields says what is wrong with it)
        return recipe.brief
    shown = str(model) if isinstance(model, Mlp) else type(built).__name__
    counted = metric if isinstance(metric, str) else getattr(metric, "__name__", "of your own")
    return f"{shown} ({parameters:,} parameters), {recipe.brief}; metric {counted}"
