"""What a user brings: data, a model, a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from ...losses import Kind, LossSpec
from ...losses.custom.user_code import user_error
from ...losses.declarations import KINDS
from ...losses.errors import UserError, unknown
from ...spaces.recipe import Recipe
from ..metrics import Metric, metric_named, metric_of
from .constants import constants_of
from .data import Data, check_alike, checked, fingerprint, ordinal_codes, overlap, shape_of
from .fields import TaskFields
from .loaders.csv import csv_fields
from .loaders.dataset import dataset_fields
from .loaders.features import features_fields
from .loaders.images import image_folder_fields
from .models import Tried, tried
from .splits import split_warnings
from .streaming import Samples

PARTS = ("train", "validation", "test")
_GENERATOR = Lock()  # torch initialises models from one global generator; programs are built side by side


@dataclass(frozen=True, eq=False)
class Task:
    """A problem to find a loss for.

    `train`, `test` and, if the task has one, `validation` are pairs (inputs, targets) of arrays or tensors,
    the samples along the first axis. Inputs are whatever the model takes; NumPy float64 becomes float32.
    Targets are class indices (N,) for multiclass, zeros and ones (N,) or (N, L) for binary and
    multilabel, numbers (N,) or (N, D) for regression. `model` builds a fresh, randomly initialised
    `nn.Module` whose outputs are logits (N, K), (N,), (N, L), or predictions (N,) or (N, D). `metric` is
    what counts, measured on held-out data: a name, or a function of (outputs, targets) that gives a
    number, with `greater_is_better`. `recipe` holds epochs, batch_size, optimizer, learning_rate,
    weight_decay and momentum. Without `validation`, lossmith folds the training part; `groups` (N,) says
    which training samples may not be torn apart (those of a patient, say), and `time` (N,) when they were
    taken, so that none is predicted from later ones. The test part is read once, by the verdict.

    `augment(inputs, generator)` changes the inputs of a training batch, drawing from `generator` alone.
    `confirm` is a task with the full model, of the same kind and metric, on which the verdict's losses are
    trained once more. `notes` are lines that a search tells its user before it begins; `about` is kept
    beside the sizes in `describe`, such as the names of the classes.

    Raises `UserError` for anything a search could not work with.
    """

    name: str
    kind: Kind
    train: Any
    test: Any
    model: Callable[[], nn.Module]
    metric: Any  # a name or a function when it is given, a name from then on
    validation: Any = None
    recipe: Recipe | Mapping[str, Any] = field(default_factory=Recipe)
    greater_is_better: bool = True
    groups: Any = None
    time: Any = None
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    confirm: Task | None = None
    notes: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    own_metric: Metric | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise UserError(f'a task must have a name such as "digits", but got {self.name!r}')
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        self._check_metric()
        if not isinstance(self.recipe, Recipe):
            object.__setattr__(self, "recipe", Recipe.from_mapping(self.recipe))
        for name in PARTS:
            given = getattr(self, name)
            if given is not None or name != "validation":
                object.__setattr__(self, name, checked(self.kind, f"task {self.name}: {name}", given))
        for name, data in self.parts.items():
            check_alike(f"task {self.name}: {name}", data, self.train)
        self._check_order()
        if isinstance(self.model, nn.Module) or not callable(self.model):
            raise self._wrong(
                "model must be a function that builds a fresh nn.Module, but got "
                f"{type(self.model).__name__}; write model=lambda: nn.Sequential(...)"
            )
        found = tried(self.kind, self.name, lambda: self.build(0), self.parts)
        object.__setattr__(self, "_tried", found)
        self._check_augment()

    @classmethod
    def of(cls, fields: TaskFields) -> Task:
        """The task that a loader read, and so the task with the full model that confirms its verdict."""
        confirm = None if fields.confirm is None else cls.of(fields.confirm)
        return cls(**{**fields, "confirm": confirm})

    @classmethod
    def from_csv(cls, file: str | Path, target: str | Sequence[str], **more: Any) -> Task:
        """The task that a CSV or Parquet file describes.

        Args:
            file: The path of the file.
            target: The name of the column to predict, or the names of several.
            **more: Further arguments of `lossmith.search.tasks.loaders.csv.csv_fields`.
        """
        return cls.of(csv_fields(file, target, **more))

    @classmethod
    def from_dataset(cls, train: Samples, **more: Any) -> Task:
        """The task that a map-style `Dataset` of pairs (inputs, target) describes.

        Args:
            train: The training samples.
            **more: Further arguments of `lossmith.search.tasks.loaders.dataset.dataset_fields`.
        """
        return cls.of(dataset_fields(train, **more))

    @classmethod
    def from_image_folder(cls, folder: str | Path, **more: Any) -> Task:
        """The task of a folder of images with a folder for each class.

        Args:
            folder: The path of the folder.
            **more: Further arguments of `lossmith.search.tasks.loaders.images.image_folder_fields`.
        """
        return cls.of(image_folder_fields(folder, **more))

    @classmethod
    def from_features(cls, backbone: nn.Module, **more: Any) -> Task:
        """The task of training a head on the features of a frozen backbone.

        Args:
            backbone: The module that turns inputs into features (N, ...).
            **more: Further arguments of `lossmith.search.tasks.loaders.features.features_fields`.
        """
        return cls.of(features_fields(backbone, **more))

    @property
    def parts(self) -> dict[str, Data]:
        """The parts of the data that there are, by name."""
        return {name: getattr(self, name) for name in PARTS if getattr(self, name) is not None}

    @property
    def measure(self) -> Metric:
        """The metric itself."""
        return self.own_metric or metric_named(self.metric)

    @property
    def settings(self) -> Recipe:
        """The recipe, as a `Recipe`."""
        assert isinstance(self.recipe, Recipe)
        return self.recipe

    @property
    def classes(self) -> int | None:
        """The number of classes: the model's outputs for multiclass, None for the other kinds."""
        return self._tried.outputs if self.kind == "multiclass" else None

    @property
    def is_stochastic(self) -> bool:
        """Whether the model draws random numbers in training, as dropout does."""
        return self._tried.is_stochastic

    @property
    def model_parameters(self) -> int:
        """The number of numbers in the model's parameters."""
        return self._tried.parameters

    @property
    def folds(self) -> bool:
        """Whether candidates are scored on folds of the training part: there is no validation part."""
        return self.validation is None

    @property
    def reports_outputs(self) -> bool:
        """True: lossmith trains the models of a task, can pause them, and reads their outputs."""
        return True

    @property
    def tunes(self) -> bool:
        """True: models are trained with the learning rate that the search proposes."""
        return True

    @property
    def sizes(self) -> dict[str, int]:
        """The number of samples in each part."""
        return {name: len(targets) for name, (_, targets) in self.parts.items()}

    @cached_property
    def constants(self) -> dict[str, Any]:
        """What losses read of the training targets, as numbers and lists: class_counts, target_scale."""
        found = constants_of(self.kind, self.train[1], self.classes)
        return {name: values.tolist() for name, values in found.items()}

    def bound(self, spec: LossSpec) -> LossSpec:
        """The loss with the constants of the whole training part."""
        return spec.bind(self.constants.get("class_counts"), self.constants.get("target_scale"))

    def with_recipe(self, changes: Mapping[str, Any]) -> Self:
        """The same task with these keys of its recipe changed; the data are not checked again."""
        changed = copy(self)
        recipe = Recipe.from_mapping({**self.settings.to_json(), **changes})
        object.__setattr__(changed, "recipe", recipe)
        return changed

    def warnings(self, folds: int) -> Iterator[str]:
        """What a reader of the verdict should be warned of, with this many folds.

        Raises:
            UserError: The training part cannot be dealt into this many folds.
        """
        yield from split_warnings(self, folds)
        if copies := overlap(self.train, self.test):
            yield (
                f"{copies:,} of the {self.sizes['test']:,} test samples are also in train, number for "
                "number: the verdict's scores will be too good; drop them"
            )

    def build(self, seed: int) -> nn.Module:
        """A fresh model, initialised from `seed` alone; the global generator stays as it was."""
        with _GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.model()
        if not isinstance(model, nn.Module):
            raise self._wrong(f"model() must return an nn.Module, but it returned {type(model).__name__}")
        inputs: Tensor = self.train[0]
        return model.to(inputs.dtype) if inputs.is_floating_point() else model

    def describe(self) -> dict[str, Any]:
        """What the store and MLflow keep of the task: sizes and names, no data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "greater_is_better": self.measure.greater_is_better,
            "sizes": self.sizes,
            "recipe": self.settings.to_json(),
            "fingerprint": fingerprint(self.parts.values()),
            "model_parameters": self.model_parameters,
            **({"about": dict(self.about)} if self.about else {}),
        }

    def _check_metric(self) -> None:
        if callable(self.metric):
            made = metric_of(self.metric, self.kind, greater_is_better=self.greater_is_better)
            object.__setattr__(self, "own_metric", made)
            object.__setattr__(self, "metric", made.name)
        elif self.own_metric is None or self.own_metric.name != self.metric:
            metric_named(self.metric, self.kind)
            object.__setattr__(self, "own_metric", None)

    def _check_order(self) -> None:
        """Groups and times as codes (N,). They say how the training part is folded: one of them at most."""
        for name in ("groups", "time"):
            if getattr(self, name) is not None:
                found = ordinal_codes(f"task {self.name}: {name}", getattr(self, name), len(self.train[1]))
                object.__setattr__(self, name, found)
        if self.groups is not None and self.time is not None:
            raise self._wrong("folds must respect groups or time, but both were given; leave one out")

    def _check_augment(self) -> None:
        if self.augment is None:
            return
        inputs = self.train[0][:3]
        try:
            changed = self.augment(inputs.clone(), torch.Generator().manual_seed(0))
        except Exception as error:
            said = f"task {self.name}: augment must take (inputs, generator), but it raised"
            raise user_error(said, error) from error
        if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (inputs.shape, inputs.dtype):
            got = shape_of(changed) if isinstance(changed, Tensor) else type(changed).__name__
            raise self._wrong(f"augment must return inputs as it got them, {shape_of(inputs)}, but got {got}")

    def _wrong(self, message: str) -> UserError:
        return UserError(f"task {self.name}: {message}")

    _tried: Tried = field(init=False, repr=False)
