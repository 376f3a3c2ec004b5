"""Which samples a repeat trains on and which it is scored on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..losses import Kind
from ..losses.errors import UserError
from .data import Data
from .streams import stream_seed
from .task import Task
from .trial import Repeat


@dataclass(frozen=True, eq=False)
class Split:
    """The training part and the held-out part of one repeat."""

    train: Data
    held: Data
    constants: Mapping[str, Tensor]


def constants_of(kind: Kind, targets: Tensor, classes: int | None) -> dict[str, Tensor]:
    """What losses take from training targets: class counts, or the spread of the target (0-d).

    Counts are (K,) for multiclass, (negatives, positives) for binary, and (L, 2) of such for multilabel. The
    spread is the median absolute deviation times 1.4826 (the standard deviation, for normal data),
    or the standard deviation where more than half of the targets are equal.
    """
    if kind == "multiclass":
        assert classes is not None
        return {"class_counts": torch.bincount(targets, minlength=classes)}
    if kind == "regression":
        values = targets.double()
        spread = 1.4826 * (values - values.median()).abs().median()
        spread = spread if spread > 0 else values.std(correction=0)
        return {"target_scale": spread if spread > 0 else torch.ones((), dtype=torch.float64)}
    by_label = targets.reshape(-1, 1) if kind == "binary" else targets.reshape(len(targets), -1)
    positives = (by_label == 1).sum(0)
    counts = torch.stack([len(by_label) - positives, positives], 1)
    return {"class_counts": counts[0] if kind == "binary" else counts}


def split_for(task: Task, repeat: Repeat, folds: int, seed: int) -> Split:
    """The data of one repeat: the task's own validation part, or fold `repeat.fold` of the training part.

    `folds` of 1 is one stratified 80/20 split. Each partition number deals the samples anew.
    """
    train, held = task.train, task.validation
    if held is None:
        inside = _fold(task, repeat, folds, seed)
        held = (train[0][inside], train[1][inside])
        train = (train[0][~inside], train[1][~inside])
    return Split(train, held, constants_of(task.kind, train[1], task.classes))


def final_split(task: Task) -> Split:
    """The whole training part against the test part: what the verdict, and nothing else, may see."""
    return Split(task.train, task.test, constants_of(task.kind, task.train[1], task.classes))


def _fold(task: Task, repeat: Repeat, folds: int, seed: int) -> Tensor:
    """True for the samples that are held out, (N,)."""
    from sklearn.model_selection import KFold, StratifiedKFold

    targets = task.train[1]
    if folds < 1:
        raise UserError(f"repeats: folds must be a whole number of at least 1, but got {folds}")
    parts = 5 if folds == 1 else folds
    if parts > len(targets):
        raise UserError(
            f"repeats: folds must be at most the number of training samples, {len(targets)}, but got {folds}"
        )
    stratified = task.kind in ("multiclass", "binary") and targets.dim() == 1
    splitter = (StratifiedKFold if stratified else KFold)(
        parts, shuffle=True, random_state=stream_seed(seed, "fold", repeat.partition) % 2**32
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than folds is dealt as far as it goes
        try:
            _, held = list(splitter.split(torch.zeros(len(targets)), targets.numpy()))[repeat.fold % parts]
        except ValueError as error:
            raise UserError(
                f"repeats: the training part cannot be dealt into {parts} folds: {error}; ask for fewer folds"
            ) from error
    inside = torch.zeros(len(targets), dtype=torch.bool)
    inside[torch.from_numpy(held)] = True
    return inside
