"""Which samples a repeat trains on and which it is scored on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ...losses import Kind
from ...losses.errors import UserError, shown
from ..random_streams import stream_seed
from ..records import Repeat
from .constants import constants_of
from .data import Data
from .deal import deal, is_stratified
from .streaming import take


class HasParts(Protocol):
    """The parts of a task's data, and what says how they may be dealt."""

    @property
    def kind(self) -> Kind:
        """The kind of problem."""

    @property
    def classes(self) -> int | None:
        """The number of classes for multiclass, else None."""

    @property
    def train(self) -> Data:
        """Training inputs (N, ...) and targets."""

    @property
    def validation(self) -> Data | None:
        """The validation part, or None where the training part is folded."""

    @property
    def test(self) -> Data:
        """The test part."""

    @property
    def groups(self) -> Tensor | None:
        """Codes (N,) of groups that are never split, from 0."""

    @property
    def time(self) -> Tensor | None:
        """Codes (N,) in the order in which the samples were taken."""

    @property
    def sample_weight(self) -> Mapping[str, Tensor] | None:
        """How much each sample of each part counts (N,); None where they count alike."""


@dataclass(frozen=True)
class Folds:
    """The number of folds that candidates are scored on; 1 stands for one stratified 80/20 split."""

    count: int

    def __post_init__(self) -> None:
        count: object = self.count
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise UserError(f"repeats: folds must be a whole number of at least 1, but got {shown(count)}")

    @property
    def parts(self) -> int:
        """The number of parts the samples are dealt into; each fold holds out one of them."""
        return 5 if self.count == 1 else self.count

    @property
    def overlap(self) -> float:
        """Held-out samples for each training sample."""
        return 1 / (self.parts - 1)

    def place(self, repeat: Repeat) -> tuple[int, int, int]:
        """The part that a repeat holds out, the number of parts, and the partition number."""
        return repeat.fold % self.parts, self.parts, repeat.partition


@dataclass(frozen=True, eq=False)
class Split:
    """The training part and the held-out part of one repeat.

    Attributes:
        train: Inputs (N, ...) and targets that models are trained on.
        held: Inputs and targets that they are scored on.
        constants: What losses read of the training targets.
        places: The held-out samples' places (N,) in the part they come from; None where they are all of it.
        train_weights: How much each training sample counts in losses (N,), on average 1; None for alike.
        held_weights: How much each held-out sample counts in the metric (N,); None for alike.
    """

    train: Data
    held: Data
    constants: Mapping[str, Tensor]
    places: Tensor | None = None
    train_weights: Tensor | None = None
    held_weights: Tensor | None = None


def split_for(task: HasParts, repeat: Repeat, folds: int, seed: int) -> Split:
    """The data of one repeat: the task's own validation part, or one fold of its training part.

    Each partition number deals the samples anew. Groups are never split between the two parts. Where the
    task has times, each fold is trained on earlier samples alone, and the earliest are never held out.

    Args:
        task: The task whose training part is dealt.
        repeat: Names the fold and the partition.
        folds: The number of folds; 1 is one stratified 80/20 split.
        seed: The seed of the search.
    """
    train, weights = task.train, task.sample_weight or {}
    if task.validation is not None:
        return _split(task, train, task.validation, weights.get("train"), weights.get("validation"))
    learnt, inside = _fold(task, repeat, Folds(folds), seed)
    own = weights.get("train")
    found = _split(
        task,
        (take(train[0], learnt), train[1][learnt]),
        (take(train[0], inside), train[1][inside]),
        None if own is None else own[learnt],
        None if own is None else own[inside],
    )
    return replace(found, places=inside.nonzero()[:, 0])


def final_split(task: HasParts) -> Split:
    """The whole training part against the test part: what the verdict, and nothing else, may see."""
    weights = task.sample_weight or {}
    return _split(task, task.train, task.test, weights.get("train"), weights.get("test"))


def _split(task: HasParts, train: Data, held: Data, learnt: Tensor | None, scored: Tensor | None) -> Split:
    """A split with the constants of its training targets, and training weights that are 1 on average."""
    constants = constants_of(task.kind, train[1], task.classes)
    learnt = None if learnt is None or not bool(learnt.sum() > 0) else learnt / learnt.mean()
    return Split(train, held, constants, None, learnt, scored)


def split_warnings(task: HasParts, folds: int) -> Iterator[str]:
    """Yield what a user should know of how the samples are dealt.

    Args:
        task: The task whose training part is dealt.
        folds: The number of folds.

    Raises:
        UserError: The samples cannot be dealt into this many folds.
    """
    if task.validation is not None:
        return
    split_for(task, Repeat(0), folds, 0)
    parts = Folds(folds).parts
    if is_stratified(task.kind, task.train[1]):
        counts = torch.bincount(task.train[1].long(), minlength=task.classes or 2)
        if rare := [str(label) for label, count in enumerate(counts.tolist()) if 0 < count < parts]:
            yield (
                f"class {', '.join(rare)} has fewer training samples than the {parts} folds, so some folds "
                "are scored without it; ask for fewer folds, or bring a validation part"
            )


def _fold(task: HasParts, repeat: Repeat, folds: Folds, seed: int) -> tuple[Tensor, Tensor]:
    """True for the samples that are trained on, and for those that are held out, (N,) each."""
    targets, parts = task.train[1], folds.parts
    if parts > len(targets):
        raise UserError(
            f"repeats: folds must be at most the number of training samples, {len(targets)}, "
            f"but got {folds.count}"
        )
    if task.time is not None:
        return _later(task.time, repeat, folds)
    if task.groups is not None and (found := int(task.groups.max()) + 1) < parts:
        raise UserError(
            f"repeats: folds must be at most the number of groups, {found}, but got {folds.count}"
        )
    dealt_by = stream_seed(seed, "fold", repeat.partition) % 2**32
    groups = None if task.groups is None else task.groups.numpy()
    try:
        held = deal(task.kind, targets.numpy(), parts, dealt_by, groups)[repeat.fold % parts]
    except ValueError as error:
        raise UserError(
            f"repeats: the training part cannot be dealt into {parts} folds: {error}; ask for fewer folds"
        ) from error
    inside = torch.zeros(len(targets), dtype=torch.bool)
    inside[torch.from_numpy(held)] = True
    return ~inside, inside


def _later(time: Tensor, repeat: Repeat, folds: Folds) -> tuple[Tensor, Tensor]:
    """A block of the samples in their order (N,), held out, and all that came before its first one.

    The blocks are those of scikit-learn's `TimeSeriesSplit`: one more than there are folds. Order leaves
    nothing to deal anew, so each partition cuts the same samples into one block more, and holds out the
    last ones.
    """
    from sklearn.model_selection import TimeSeriesSplit

    # For one split, four cuts make five blocks, and the last block is a fifth.
    wanted, block = (4, -1) if folds.count == 1 else (folds.count, repeat.fold % folds.count - folds.count)
    cuts = wanted + repeat.partition
    order = time.argsort(stable=True)
    try:
        dealt = list(TimeSeriesSplit(cuts).split(order))
    except ValueError as error:
        raise UserError(
            f"repeats: {len(time)} samples in their order cannot be dealt into {cuts + 1} blocks: {error}; "
            "ask for fewer folds"
        ) from error
    held = order[torch.from_numpy(dealt[block][1])]
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
