"""What a user brings: data, a model, a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from ...losses import BoundLoss, Kind, LossSpec
from ...losses.custom import user_error
from ...losses.errors import UserError, one_line, shown
from ...losses.kinds import kind_named
from ...spaces.recipe import Recipe
from ..metrics import Metric, metric_named, metric_of
from ..metrics.asked import ask, check_defined, directed
from .constant_answer import constant_score
from .constants import Constants, constants_of
from .data import (
    NOT_LABELLED,
    Data,
    check_alike,
    checked,
    fingerprint,
    missing,
    ordinal_codes,
    shape_of,
)
from .fields import TaskFields
from .guard import check_name, check_varied, is_list, plain_json
from .labels import Labelled, number_classes, number_labels
from .loaders.csv import csv_fields
from .loaders.dataset import dataset_fields
from .loaders.features import features_fields
from .loaders.images import image_folder_fields
from .models import Tried, check_labels, tried
from .part_warnings import part_warnings
from .splits import split_warnings
from .streaming import Samples
from .task_record import TaskRecord
from .weights import weights_of

PARTS = ("train", "validation", "test")
_GENERATOR = Lock()  # torch initialises models from one global generator; programs are built side by side


@dataclass(frozen=True, eq=False)
class Task:
    """A problem to find a loss for: data, a model and a metric.

    Wherever arrays are taken, tensors, lists, frames and series are taken too, their nullable types included;
    samples lie along the first axis.

    Args:
        name: What the search and its pages call the task.
        kind: `multiclass`, `binary`, `multilabel` or `regression`.
        train: A pair (inputs, targets). Inputs (N, ...) are whatever the model takes; NumPy float64 and half
            precision become float32. Targets are class indices or labels (N,) for multiclass, zeros and ones
            or two labels (N,) for binary, zeros and ones (N, L) for multilabel, and numbers (N,) or (N, D)
            for regression. Labels are numbered in their order, and a column (N, 1) is taken as (N,). Of
            several columns some targets may be missing: NaN, or -1 among zeros and ones.
        test: The part that the verdict reads once, and nothing else.
        model: Builds a fresh, randomly initialised `nn.Module` at each call. Its outputs are logits (N, K),
            (N,) or (N, L), without a Sigmoid or Softmax, or predictions (N,) or (N, D).
        metric: What counts, measured on held-out data: a name, a function of (outputs, targets) that returns
            a number, a function of scikit-learn, or a `Metric`. Outputs have the shape of the targets, but
            for logits (N, K) of classes.
        validation: The part that losses are compared on; None folds the training part.
        recipe: How models are trained: epochs, batch_size, optimizer, learning_rate, weight_decay, momentum.
        greater_is_better: Which way a function as metric goes; None asks it with good and with shuffled
            answers.
        groups: A value for each training sample (N,); samples that share one are never split by folds.
        time: When each training sample was taken (N,); folds never predict samples from later ones.
        sample_weight: How much each training sample counts (N,), in losses and in the metric, or such
            weights by part: {"train": ..., "validation": ..., "test": ...}. Weights are at least 0.
        class_names: The names of the classes in the order of their indices (K,), of negative and positive, or
            of the labels (L,); found from labels that are text.
        positive: For binary, the label that counts as positive; default: 1 beside 0 or -1, true, or else the
            rarer.
        augment: Changes the inputs of a training batch: `augment(inputs, generator)` draws from `generator`
            alone.
        confirm: A task with the full model, of the same kind and metric, on which the verdict's losses are
            trained once more.
        notes: Lines that a search tells its user before it begins.
        about: What is kept beside the sizes in `describe`: text, numbers, lists and mappings.
        own_metric: What computes a metric given by name, where it is not the built-in one as it stands;
            loaders and checks set it.

    Raises:
        UserError: Something in it is nothing a search could work with; nothing is trained before that.

    Example:
        >>> inputs = torch.randn(60, 4)
        >>> data = (inputs, (inputs[:, 0] > 0).long())
        >>> task = Task("signs", "multiclass", data, data, lambda: nn.Linear(4, 2), "accuracy")
        >>> task.sizes
        {'train': 60, 'test': 60}
    """

    name: str
    kind: Kind
    train: Any
    test: Any
    model: Callable[[], nn.Module]
    metric: Any  # a name, a function or a `Metric` when it is given, a name from then on
    validation: Any = None
    recipe: Recipe | Mapping[str, Any] = field(default_factory=Recipe)
    greater_is_better: bool | None = None
    groups: Any = None
    time: Any = None
    sample_weight: Any = None
    class_names: Sequence[str] = ()
    positive: Any = None
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    confirm: Task | None = None
    notes: Sequence[str] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    own_metric: Metric | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        kind_named(self.kind)
        self._check_types()
        if not isinstance(self.recipe, Recipe):
            self._set("recipe", Recipe.from_mapping(self.recipe))
        self._check_data()
        if isinstance(self.model, nn.Module) or not callable(self.model):
            raise self._wrong(
                "model must be a function that builds a fresh nn.Module, but got "
                f"{type(self.model).__name__}; write model=lambda: nn.Sequential(...)"
            )
        self._set(
            "_tried", tried(self.kind, self.name, lambda: self.build(0), self.parts, self.settings.batch_size)
        )
        self._note(self._tried.note)
        if self.classes is not None:
            if renumbered := number_classes(self.parts, self.classes):
                self._take(replace(renumbered, class_names=tuple(self.class_names or renumbered.class_names)))
            check_labels(self.name, self.parts, self.classes)
        check_varied(f"task {self.name}: train", self.train)
        self._check_names()
        self._check_metric()
        self._check_augment()
        self._check_confirm()
        self._set("about", plain_json(f"task {self.name}: about", self.about))

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
        return self._tried.outputs or None

    @cached_property
    def has_gaps(self) -> bool:
        """Whether some targets of several columns are missing: -1 among labels, NaN among numbers."""
        targets = [part[1] for part in self.parts.values()]
        return targets[0].dim() > 1 and any(bool(missing(self.kind, found).any()) for found in targets)

    @property
    def ignoring(self) -> dict[str, Any]:
        """What losses are told not to count, as `LossSpec.bind` takes it."""
        if not self.has_gaps:
            return {}
        return {"ignore_index": NOT_LABELLED} if kind_named(self.kind).classified else {"ignore_nan": True}

    @property
    def ignored_target(self) -> float | None:
        """The target that does not count: -1 or NaN; None where all count."""
        return next((math.nan if given is True else given for given in self.ignoring.values()), None)

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
    def tests(self) -> bool:
        """True: a task has a test part."""
        return True

    @property
    def sizes(self) -> dict[str, int]:
        """The number of samples in each part."""
        return {name: len(targets) for name, (_, targets) in self.parts.items()}

    @cached_property
    def constants(self) -> Constants:
        """What losses read of the training targets."""
        return Constants.of(constants_of(self.kind, self.train[1], self.classes))

    def bound(self, spec: LossSpec) -> BoundLoss:
        """The loss with the constants of the whole training part."""
        known = self.constants
        return spec.bind(known.class_counts, known.target_scale, **self.ignoring)

    def constant_score(self, targets: Tensor | None = None) -> float | None:
        """Return what the best answer scores that never looks at the inputs; None where that is no number.

        Args:
            targets: Targets (N, ...) of the samples to score; None for those of the validation part, or of
                the training part where there is none.
        """
        held = self.train if self.validation is None else self.validation
        return constant_score(self.kind, self.measure, self.train[1], held[1] if targets is None else targets)

    def with_recipe(self, changes: Mapping[str, Any]) -> Self:
        """The same task with these keys of its recipe changed; the data are not checked again."""
        changed = copy(self)
        recipe = Recipe.from_mapping({**self.settings.to_json(), **changes})
        object.__setattr__(changed, "recipe", recipe)
        notes = tuple(line.replace(self.settings.brief, recipe.brief) for line in self.notes)
        object.__setattr__(changed, "notes", notes)
        return changed

    def warnings(self, folds: int) -> Iterator[str]:
        """What a reader of the verdict should be warned of, with this many folds.

        Raises:
            UserError: The training part cannot be dealt into this many folds.
        """
        yield from split_warnings(self, folds)
        yield from part_warnings(self.parts, self.classes)

    def build(self, seed: int) -> nn.Module:
        """A fresh model, initialised from `seed` alone; the global generator stays as it was."""
        with _GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.model()
        if not isinstance(model, nn.Module):
            raise self._wrong(f"model() must return an nn.Module, but it returned {type(model).__name__}")
        if any(parameter.is_complex() for parameter in model.parameters()):
            raise self._wrong("the model's parameters must be real numbers, but some are complex")
        inputs: Tensor = self.train[0]
        return model.to(inputs.dtype) if inputs.is_floating_point() else model

    def describe(self) -> TaskRecord:
        """Return what the store and MLflow keep of the task: sizes, names and constants, no data."""
        return TaskRecord(
            name=self.name,
            kind=self.kind,
            metric=self.metric,
            greater_is_better=self.measure.greater_is_better,
            sizes=self.sizes,
            recipe=self.settings,
            fingerprint=fingerprint(self.parts.values()),
            model_parameters=self.model_parameters,
            class_names=tuple(self.class_names) or None,
            positive=self.positive or None,
            about=self.about or None,
            **vars(self.constants),
        )

    def _check_data(self) -> None:
        """The parts as tensors, their labels numbered; groups, times and weights beside them."""
        given = {name: getattr(self, name) for name in PARTS if getattr(self, name) is not None}
        for name in ("train", "test"):
            given.setdefault(name, None)
        labelled = number_labels(self.kind, f"task {self.name}", given, self.class_names, self.positive)
        parts = {n: checked(self.kind, f"task {self.name}: {n}", pair) for n, pair in labelled.parts.items()}
        self._take(replace(labelled, parts=parts))
        if self.has_gaps:
            gaps = torch.cat([missing(self.kind, part[1]).flatten() for part in parts.values()]).double()
            self._note(f"targets: {gaps.mean():.1%} are missing; they count neither in losses nor the metric")
        for name, data in self.parts.items():
            check_alike(f"task {self.name}: {name}", data, self.train)
        for name in ("groups", "time"):
            if getattr(self, name) is not None:
                what = f"task {self.name}: {name}"
                self._set(name, ordinal_codes(what, getattr(self, name), self.sizes["train"]))
        if self.groups is not None and self.time is not None:
            raise self._wrong("folds must respect groups or time, but both were given; leave one out")
        self._set("sample_weight", weights_of(f"task {self.name}", self.sample_weight, self.sizes))

    def _check_metric(self) -> None:
        if isinstance(self.metric, str):
            if not isinstance(self.own_metric, Metric) or self.own_metric.name != self.metric:
                known = metric_named(self.metric, self.kind)
                self._set("own_metric", None)
                if self.greater_is_better not in (None, known.greater_is_better):
                    raise self._wrong(
                        f"greater_is_better must be left out for {self.metric}, which is best where it is "
                        f"{'greatest' if known.greater_is_better else 'smallest'}, but got "
                        f"{self.greater_is_better}"
                    )
            check_defined(self.measure, self.kind, self._held_out, self.classes)
            return
        made = self.metric if isinstance(self.metric, Metric) else metric_of(self.metric, self.kind)
        if self.kind not in made.kinds:
            raise self._wrong(
                f"metric {made.name} must be one for {self.kind}, but it is for {', '.join(made.kinds)}"
            )
        asked = ask(made, self.kind, self.train[1], self.classes)
        made, line = directed(made, asked, given=self.greater_is_better)
        if self.sample_weight is not None and not made.takes_weights:
            raise self._wrong(
                f"metric {made.name} must take sample_weight, for the task has sample weights; add that "
                "argument to the function, or name a built-in metric"
            )
        self._set("own_metric", made)
        self._set("metric", made.name)
        check_defined(made, self.kind, self._held_out, self.classes)
        self._note(line)

    @property
    def _held_out(self) -> dict[str, Tensor]:
        """The targets of the parts that models are scored on, by part."""
        return {name: part[1] for name, part in self.parts.items() if name != "train"}

    def _check_augment(self) -> None:
        if self.augment is None:
            return
        inputs = self.train[0][:3]
        try:
            changed = self.augment(inputs.clone(), torch.Generator().manual_seed(0))
        except (Exception, SystemExit) as error:
            said = f"task {self.name}: augment must take (inputs, generator), but it raised"
            raise user_error(said, error) from error
        if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (inputs.shape, inputs.dtype):
            got = shape_of(changed) if isinstance(changed, Tensor) else type(changed).__name__
            raise self._wrong(f"augment must return inputs as it got them, {shape_of(inputs)}, but got {got}")
        if changed.is_floating_point() and not bool(changed.isfinite().all()):
            raise self._wrong("augment must return finite inputs, but some are NaN or infinity")

    def _check_confirm(self) -> None:
        """The same metric and classes with the full model, or its scores would be of something else."""
        for what in ("metric", "classes") if self.confirm else ():
            found, wanted = getattr(self.confirm, what), getattr(self, what)
            if found != wanted:
                raise self._wrong(f"confirm must be a Task of the same {what}, {wanted}, but got {found}")

    def _check_types(self) -> None:
        """What is plain text, a choice, a mapping or a task."""
        if not any(self.greater_is_better is choice for choice in (None, True, False)):
            raise self._wrong(f"greater_is_better must be True or False, but got {self.greater_is_better!r}")
        for name in ("notes", "class_names"):
            given = getattr(self, name)
            if isinstance(given, str) or not is_list(given):
                raise self._wrong(f"{name} must be a list of texts, but got {shown(given)}")
            self._set(name, tuple(map(str, given)))
        if len({*self.class_names}) < len(self.class_names):
            raise self._wrong(f"class_names must differ, but got {one_line(list(self.class_names), 60)}")
        if not isinstance(self.about, Mapping):
            raise self._wrong(f"about must be a mapping from names to values, but got {self.about!r}")
        if self.confirm is not None and (
            not isinstance(self.confirm, Task) or self.confirm.kind != self.kind
        ):
            got = self.confirm.kind if isinstance(self.confirm, Task) else type(self.confirm).__name__
            raise self._wrong(f"confirm must be a Task of the same kind, {self.kind}, but got {got}")

    def _check_names(self) -> None:
        """Names of classes or labels, one each."""
        kind = kind_named(self.kind)
        wanted = self.classes or (2 if kind.single and kind.classified else self.train[1][:1].numel())
        if self.class_names and len(self.class_names) != wanted:
            raise self._wrong(
                f"class_names must hold {wanted} names, one for each class or label, but got "
                f"{len(self.class_names)}"
            )

    def _take(self, labelled: Labelled) -> None:
        """The data with labels as class indices, and what the classes are called."""
        for name, pair in labelled.parts.items():
            self._set(name, pair)
        self._set("class_names", labelled.class_names or tuple(map(str, self.class_names)))
        self._set("positive", labelled.positive)
        self._note(labelled.note)

    def _note(self, line: str) -> None:
        """One line more for the user, where there is none like it."""
        if line and line not in self.notes:
            self._set("notes", (*self.notes, line))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _wrong(self, message: str) -> UserError:
        return UserError(f"task {self.name}: {message}")

    _tried: Tried = field(init=False, repr=False)
