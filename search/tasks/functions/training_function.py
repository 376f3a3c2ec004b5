"""A user's own training loop as the subject of a search."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from ....losses import BoundLoss, Kind, LossSpec
from ....losses.errors import UserError, shown
from ....spaces.recipe import Recipe
from ...metrics import Metric, reported
from ..constants import Constants
from ..task_record import FunctionRecord, TaskRecord
from .check_settings import check_settings
from .function_source import file_of, fingerprint, name_of
from .rehearsal import Rehearsal
from .trial_handle import TrialHandle

Train = Callable[[nn.Module, TrialHandle], float]


@dataclass(frozen=True, eq=False)
class TrainingFunction:
    """A function `train(loss, trial) -> float` that trains a model with the loss it is given and scores it.

    Calling it calls the function.

    Args:
        train: The function. Its loss is called with logits or predictions and with targets, in the shapes
            that `lossmith.losses` fixes for the kind.
        kind: The kind of problem, one of `lossmith.losses.KINDS`.
        metric: The name of the number that the function returns.
        greater_is_better: Whether a greater number is better.
        name: What the search shows; the name of the function's file where it is left out.
        recipe: What the search starts from, most of all the learning rate: it is searched from a tenth of it
            to ten times it.
        class_counts: The training samples of each class (for multilabel, of each label as [negatives,
            positives]); counted in the first epoch of a rehearsal where they are left out.
        target_scale: The spread of the training targets of a regression; measured likewise.
        ignore_index: Targets equal to it do not count.
        workers: How many trainings may run in parallel; None: one a core, and on an accelerator as many as
            its memory holds.
        rehearsal: What a rehearsal showed; `search.training.functions.rehearsed` adds it.

    Raises:
        UserError: A setting is none that a search could work with.

    Example:
        >>> training = TrainingFunction(lambda loss, trial: 0.5, "multiclass", metric="accuracy", name="half")
        >>> training(None, TrialHandle())
        0.5
    """

    train: Train
    kind: Kind
    metric: str = "score"
    greater_is_better: bool = True
    name: str = ""
    recipe: Recipe | Mapping[str, Any] = field(default_factory=Recipe)
    class_counts: Sequence[int] | Sequence[Sequence[int]] | None = None
    target_scale: float | None = None
    ignore_index: int | None = None
    workers: int | None = None
    rehearsal: Rehearsal | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if wrong := _not_trainable(self.train):
            raise UserError(
                f"train must be a function train(loss, trial) that returns its score, but got {wrong}"
            )
        if not self.name:
            object.__setattr__(self, "name", name_of(self.train))
        if plain := getattr(self.class_counts, "tolist", None):  # an array or a tensor
            object.__setattr__(self, "class_counts", plain())
        check_settings(self)
        if not isinstance(self.recipe, Recipe):
            object.__setattr__(self, "recipe", Recipe.from_mapping(self.recipe))

    def __call__(self, loss: nn.Module, trial: TrialHandle) -> float:
        """The training itself."""
        return self.train(loss, trial)

    @property
    def measure(self) -> Metric:
        """The metric, whose values the function itself returns."""
        return reported(self.metric, self.kind, greater_is_better=self.greater_is_better)

    @property
    def settings(self) -> Recipe:
        """The recipe, as a `Recipe`."""
        assert isinstance(self.recipe, Recipe)
        return self.recipe

    @property
    def rehearsed(self) -> Rehearsal:
        """The rehearsal, which a search has made before it reads anything else."""
        assert self.rehearsal is not None, "rehearse() comes first"
        return self.rehearsal

    @property
    def constants(self) -> Constants:
        """What losses read of the training targets; given, or seen in the rehearsal."""
        seen, counts = self.rehearsal.constants if self.rehearsal else Constants(), self.class_counts
        if counts is not None:
            frozen = (tuple(some) if isinstance(some, Sequence) else some for some in counts)
            seen = replace(seen, class_counts=tuple(frozen))
        return seen if self.target_scale is None else replace(seen, target_scale=self.target_scale)

    def bound(self, spec: LossSpec) -> BoundLoss:
        """The loss with the constants of this training's targets."""
        known = self.constants
        return spec.bind(known.class_counts, known.target_scale, self.ignore_index)

    def constant_score(self, targets: Tensor | None = None) -> None:
        """Return None: the function holds the data."""

    @property
    def folds(self) -> bool:
        """Whether the function deals its data into folds."""
        return "fold" in self.rehearsed.read

    @property
    def reports_outputs(self) -> bool:
        """False: the function trains its models itself, and gives their scores alone."""
        return False

    @property
    def sizes(self) -> dict[str, int]:
        """Empty: the function holds the data."""
        return {}

    def with_recipe(self, changes: Mapping[str, Any]) -> TrainingFunction:
        """The same training with these keys of its recipe changed."""
        return replace(self, recipe={**self.settings.to_json(), **changes})

    def warnings(self, folds: int) -> Iterator[str]:
        """None: how the function deals its data is its own business."""
        yield from ()

    @property
    def program(self) -> str:
        """The file of the function, which `sys.argv` names while it trains."""
        return file_of(self.train)

    @property
    def tests(self) -> bool:
        """Whether the function scores on test data when the verdict asks for it."""
        return "part" in self.rehearsed.read

    @property
    def tunes(self) -> bool:
        """Whether the function trains with the learning rate it is given."""
        return "learning_rate" in self.rehearsed.read

    @property
    def notes(self) -> list[str]:
        """What a user should know about their function before a search is begun."""
        seen = self.rehearsed
        found = [
            (
                f"{self.name}: one training with the usual loss took {seen.seconds:.1f} s and reached "
                f"{self.metric} {seen.value:.4f}"
            )
        ]
        if not self.tunes:
            found.append(
                f"{self.name} never reads trial.learning_rate, so every loss is trained at the rate in its "
                "code; a loss can then win by its scale alone"
            )
        if not seen.reports:
            found.append(f"{self.name} never calls trial.report, so no trial is ended early")
        if not self.tests:
            found.append(
                f"{self.name} never reads trial.part, so the verdict is measured on its validation data, "
                "with fresh seeds but no fresh data"
            )
        if seen.changes:
            found.append(
                f"{self.name} leaves {_and(seen.changes)} changed, which is put back after each training"
            )
        return found

    def describe(self) -> TaskRecord:
        """Return what the store and MLflow keep: names, sizes of classes and what the rehearsal showed."""
        seen = self.rehearsed
        return TaskRecord(
            name=self.name,
            kind=self.kind,
            metric=self.metric,
            greater_is_better=self.greater_is_better,
            sizes={},
            recipe=self.settings,
            fingerprint=fingerprint(self.train),
            own_training=FunctionRecord(
                seen.reports,
                seen.seconds,
                self.tunes,
                tuple(sorted(seen.read)),
                self.folds,
                "test" if self.tests else "validation",
            ),
            **vars(self.constants),
        )


def _not_trainable(train: object) -> str | None:
    """What `train` is, where calling it with a loss and a trial would train nothing."""
    if not callable(train):
        return f"{shown(train)} of type {type(train).__name__}"
    if inspect.isclass(train):
        return f"the class {train.__name__}; give an instance with __call__(self, loss, trial), or a function"
    called = train if inspect.isroutine(train) else getattr(train, "__call__", train)  # noqa: B004
    name = getattr(train, "__name__", type(train).__name__)
    if any(inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in (train, called)):
        return f"{name}, an async function; give a plain one, which may call asyncio.run itself"
    if inspect.isgeneratorfunction(called) or inspect.isgeneratorfunction(train):
        return f"{name}, a generator function; return the score, and report epochs with trial.report"
    return None


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def own_training(kind: Kind, **settings: Any) -> Callable[[Train], TrainingFunction]:
    """Mark a function as a training that losses can be searched for.

    Args:
        kind: The kind of problem, one of `lossmith.losses.KINDS`.
        settings: The other arguments of `TrainingFunction`.

    Example:
        >>> @own_training("multiclass", metric="macro_f1")
        ... def train(loss, trial):
        ...     return 0.5
    """
    return lambda train: TrainingFunction(train, kind, **settings)
