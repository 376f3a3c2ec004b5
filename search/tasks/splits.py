"""Which samples a repeat trains on and which it is scored on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...losses import Kind, LossSpec
from ...losses.errors import UserError
from ..random_streams import stream_seed
from ..records.trial import Repeat
from .data import Data
from .functions.training_function import TrainingFunction
from .streaming import take
from .task import Task


@dataclass(frozen=True, eq=False)
class Split:
    """The training part and the held-out part of one repeat.

    `places` (N,) are the held-out samples' places in the part they come from; None where they are all of it.
    """

    train: Data
    held: Data
    constants: Mapping[str, Tensor]
    places: Tensor | None = None


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


def bound(task: Task | TrainingFunction, spec: LossSpec) -> LossSpec:
    """The loss with the constants of the task's whole training part."""
    if isinstance(task, TrainingFunction):
        return task.bound(spec)
    constants = constants_of(task.kind, task.train[1], task.classes)
    counts = constants["class_counts"].tolist() if "class_counts" in constants else None
    return spec.bind(counts, float(constants["target_scale"]) if "target_scale" in constants else None)


def split_for(task: Task, repeat: Repeat, folds: int, seed: int) -> Split:
    """The data of one repeat: the task's own validation part, or fold `repeat.fold` of the training part.

    `folds` of 1 is one stratified 80/20 split. Each partition number deals the samples anew. Where the task
    has groups, none of them is torn apart; where it has times, each fold is trained on what came before
    it, and the earliest samples are never held out.
    """
    train, held, places = task.train, task.validation, None
    if held is None:
        learnt, inside = _fold(task, repeat, folds, seed)
        places = inside.nonzero()[:, 0]
        held = (take(train[0], inside), train[1][inside])
        train = (take(train[0], learnt), train[1][learnt])
    return Split(train, held, constants_of(task.kind, train[1], task.classes), places)


def split_warnings(task: Task, folds: int) -> Iterator[str]:
    """What a user should know of how their samples are dealt; raises `UserError` where they cannot be."""
    if task.validation is not None:
        return
    split_for(task, Repeat(0), folds, 0)
    parts = 5 if folds == 1 else folds
    if task.kind == "multiclass":
        assert task.classes is not None
        counts = torch.bincount(task.train[1], minlength=task.classes)
        if rare := [str(label) for label, count in enumerate(counts.tolist()) if 0 < count < parts]:
            yield (
                f"class {', '.join(rare)} has fewer training samples than the {parts} folds, so some folds "
                "are scored without it; ask for fewer folds, or bring a validation part"
            )
    if bool((task.train[1] == task.train[1][:1]).all()):
        yield "every training target is the same, so no loss can be told from another"


def final_split(task: Task) -> Split:
    """The whole training part against the test part: what the verdict, and nothing else, may see."""
    return Split(task.train, task.test, constants_of(task.kind, task.train[1], task.classes))


def _fold(task: Task, repeat: Repeat, folds: int, seed: int) -> tuple[Tensor, Tensor]:
    """True for the samples that are trained on, and for those that are held out, (N,) each."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    targets = task.train[1]
    if folds < 1:
        raise UserError(f"repeats: folds must be a whole number of at least 1, but got {folds}")
    parts = 5 if folds == 1 else folds
    if parts > len(targets):
        raise UserError(
            f"repeats: folds must be at most the number of training samples, {len(targets)}, but got {folds}"
        )
    stratified = task.kind in ("multiclass", "binary") and targets.dim() == 1
    if task.time is not None:
        return _later(task.time, repeat, folds)
    if task.groups is not None and (found := int(task.groups.max()) + 1) < parts:
        raise UserError(f"repeats: folds must be at most the number of groups, {found}, but got {folds}")
    kinds = (KFold, StratifiedKFold) if task.groups is None else (GroupKFold, StratifiedGroupKFold)
    splitter = kinds[stratified](
        parts, shuffle=True, random_state=stream_seed(seed, "fold", repeat.partition) % 2**32
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer samples than folds is dealt as far as it goes
        try:
            dealt = splitter.split(torch.zeros(len(targets)), targets.numpy(), task.groups)
            _, held = list(dealt)[repeat.fold % parts]
        except ValueError as error:
            raise UserError(
                f"repeats: the training part cannot be dealt into {parts} folds: {error}; ask for fewer folds"
            ) from error
    inside = torch.zeros(len(targets), dtype=torch.bool)
    inside[torch.from_numpy(held)] = True
    return ~inside, inside


def _later(time: Tensor, repeat: Repeat, folds: int) -> tuple[Tensor, Tensor]:
    """A block of the samples in their order (N,), held out, and all that came before its first one.

    The blocks are those of scikit-learn's `TimeSeriesSplit`: one more than there are folds. Order leaves
    nothing to deal anew, so each partition cuts the same samples into one block more, and holds out the
    last ones.
    """
    from sklearn.model_selection import TimeSeriesSplit

    wanted = 4 if folds == 1 else folds  # four cuts make five blocks, and the last is a fifth
    cuts = wanted + repeat.partition
    order = time.argsort(stable=True)
    try:
        dealt = list(TimeSeriesSplit(cuts).split(order))
    except ValueError as error:
        raise UserError(
            f"repeats: {len(time)} samples in their order cannot be dealt into {cuts + 1} blocks: {error}; "
            "ask for fewer folds"
        ) from error
    held = order[torch.from_numpy(dealt[-1 if folds == 1 else repeat.fold % wanted - wanted][1])]
    inside = torch.zeros(len(time), dtype=torch.bool)
    inside[held] = True
    # What was taken at the same time as the first of the block is not from before it.
    before = time < time[held].min()
    if not bool(before.any()):
        raise UserError(
            "repeats: some samples must have been taken before those of each fold, but the first "
            f"{len(time) - len(held)} share one time; ask for fewer folds"
        )
    return before, inside
