"""What a search reads of the thing it searches a loss for: a task with data, or a training function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

from torch import Tensor

from ...losses import BoundLoss, Kind, LossSpec
from ...spaces.recipe import Recipe
from ..metrics import Metric
from .constants import Constants
from .task_record import TaskRecord


class Subject(Protocol):
    """A problem that losses can be searched for; `Task` and `TrainingFunction` are the two there are."""

    @property
    def name(self) -> str:
        """The name that the search and its pages show."""

    @property
    def kind(self) -> Kind:
        """The kind of problem."""

    @property
    def metric(self) -> str:
        """The name of the metric."""

    @property
    def measure(self) -> Metric:
        """The metric itself."""

    @property
    def settings(self) -> Recipe:
        """The recipe that the search starts from."""

    @property
    def folds(self) -> bool:
        """Whether candidates are scored on folds of the training part: there is no validation part."""

    @property
    def reports_outputs(self) -> bool:
        """Whether lossmith trains the models, and so can pause them and read their outputs."""

    @property
    def tunes(self) -> bool:
        """Whether models are trained with the learning rate that the search proposes."""

    @property
    def tests(self) -> bool:
        """Whether there are test data for the verdict; else validation data judge."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of samples in each part of the data; empty where lossmith does not hold the data."""

    @property
    def constants(self) -> Constants:
        """What losses read of the training targets."""

    @property
    def notes(self) -> Sequence[str]:
        """Lines that the user should read before the search begins."""

    def bound(self, spec: LossSpec) -> BoundLoss:
        """The loss with the constants of the whole training part."""

    def constant_score(self, targets: Tensor | None = None) -> float | None:
        """Return what the best constant answer scores; None where lossmith does not hold the data.

        Args:
            targets: Targets (N, ...) of the samples to score; None for those that losses are compared on.
        """

    def with_recipe(self, changes: Mapping[str, Any]) -> Self:
        """The same subject with these keys of its recipe changed."""

    def warnings(self, folds: int) -> Iterator[str]:
        """What a reader of the verdict should be warned of, with this many folds.

        Raises:
            UserError: The samples cannot be dealt into this many folds.
        """

    def describe(self) -> TaskRecord:
        """Return what the store keeps: sizes, names and constants, no data."""
