"""What a loader found out about a task: the arguments of `Task`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from torch import nn

from ...losses import Kind
from ...spaces.recipe import Recipe
from ..metrics import Metric


@dataclass(frozen=True, eq=False)
class TaskFields(Mapping[str, Any]):
    """The arguments of `Task`, by their names: `Task(**fields)` checks them and is the task.

    Attributes:
        name: As of `Task`, like all that follow.
        kind: The kind of problem.
        train: The training part.
        test: The test part.
        model: Builds a model.
        metric: What counts.
        own_metric: The metric in the units of a standardised target; None for `metric` itself.
        validation: The validation part; None folds the training part.
        recipe: How models are trained.
        greater_is_better: Which way a function as metric goes.
        groups: A value for each training sample.
        time: When each training sample was taken.
        sample_weight: How much samples count.
        class_names: The names of the classes, or of the labels.
        positive: The label that counts as positive.
        augment: Changes the inputs of a training batch.
        confirm: The fields of the task with the full model.
        notes: Lines that a search tells its user.
        about: What is kept beside the sizes.
    """

    name: str
    kind: Kind
    train: Any
    test: Any
    model: Callable[[], nn.Module]
    metric: Any
    own_metric: Metric | None = None
    validation: Any = None
    recipe: Recipe = field(default_factory=Recipe)
    greater_is_better: bool | None = None
    groups: Any = None
    time: Any = None
    sample_weight: Any = None
    class_names: Sequence[str] = ()
    positive: str | None = None
    augment: Any = None
    confirm: TaskFields | None = None
    notes: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def __iter__(self) -> Iterator[str]:
        return (found.name for found in fields(self))

    def __len__(self) -> int:
        return len(fields(self))
