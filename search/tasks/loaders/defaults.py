"""What a task gets that says nothing of its model, its recipe or its metric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn

from ....losses import Kind
from ....losses.errors import UserError
from ....spaces.recipe import Recipe
from ...metrics import METRICS

HIDDEN = (64, 64)
STEPS = 1200  # of training: where the epochs that a table of middling size gets come from
MOST_EPOCHS, LEAST_EPOCHS = 60, 8
_METRICS: dict[Kind, tuple[str, ...]] = {
    "multiclass": ("macro_f1",),
    "binary": ("balanced_accuracy", "binary_accuracy"),
    "multilabel": ("macro_f1", "binary_accuracy"),
    "regression": ("r2",),
}


@dataclass(frozen=True)
class Mlp:
    """A factory of multi-layer perceptrons with ReLU; inputs (N, ...) that are no rows are flattened."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...]
    outputs: int

    def __call__(self) -> nn.Module:
        """A fresh one."""
        sizes = (prod(self.shape), *self.hidden, self.outputs)
        layers: list[nn.Module] = [] if len(self.shape) == 1 else [nn.Flatten()]
        for index, size in enumerate(sizes[1:]):
            layers += [nn.ReLU()] * (index > 0) + [nn.Linear(sizes[index], size)]
        return nn.Sequential(*layers)

    def __str__(self) -> str:
        sizes = (prod(self.shape), *self.hidden, self.outputs)
        return f"{'MLP' if self.hidden else 'linear'} {'-'.join(map(str, sizes))}"


def outputs_of(kind: Kind, targets: Tensor) -> int:
    """How many outputs a model needs for targets (N,) or (N, D) of this kind."""
    if kind == "multiclass":
        return int(targets.max()) + 1
    return targets.shape[1] if targets.dim() == 2 else 1


def metric_for(kind: Kind) -> str:
    """What counts where nobody says: macro-F1, balanced accuracy, R2."""
    return next(name for name in _METRICS[kind] if name in METRICS and kind in METRICS[name].kinds)


def recipe_for(rows: int) -> dict[str, Any]:
    """Batches and epochs that suit this many training samples: about 1,200 steps, at most 60 epochs."""
    batch = next((size for bound, size in ((2_000, 32), (10_000, 64), (50_000, 128)) if rows < bound), 256)
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS * batch / rows)))
    return {"epochs": epochs, "batch_size": batch}


def hidden_sizes(given: Sequence[int] | None) -> tuple[int, ...]:
    """The sizes of the hidden layers, those given or the usual two; raises `UserError` for sizes below 1."""
    sizes = HIDDEN if given is None else tuple(given)
    if not all(isinstance(size, int) and size >= 1 for size in sizes):
        raise UserError(f"hidden must be sizes of layers such as [64, 64], but got {list(sizes)}")
    return sizes


def training_line(model: Callable[[], nn.Module], recipe: Recipe, metric: Any) -> str:
    """One line on the model, the recipe and the metric."""
    built = model()
    parameters = sum(p.numel() for p in built.parameters())
    shown = str(model) if isinstance(model, Mlp) else type(built).__name__
    how = f"{recipe.optimizer}, {recipe.epochs} epochs of batches of {recipe.batch_size}"
    counted = metric if isinstance(metric, str) else getattr(metric, "__name__", "of your own")
    return f"{shown} ({parameters:,} parameters), {how}; metric {counted}"
