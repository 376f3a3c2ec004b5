"""What a user brings: data, a model, a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ...losses import Kind
from ...losses.custom.user_code import user_error
from ...losses.declarations import KINDS
from ...losses.errors import UserError, unknown
from ...spaces.recipe import Recipe
from ..metrics import Metric, metric_named
from .data import Data, check_alike, checked, codes, fingerprint, shape_of
from .models import tried
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
        object.__setattr__(self, "_outputs", found.outputs)
        object.__setattr__(self, "_draws", found.draws)
        self._check_augment()

    @classmethod
    def from_csv(cls, file: str | Path, target: str | Sequence[str], **more: Any) -> Task:
        """A task from a CSV or Parquet file; `more` is what `search.sources.csv.csv_task` takes."""
        from .loaders.csv import csv_task

        return csv_task(file, target, **more)

    @classmethod
    def from_dataset(cls, train: Samples, **more: Any) -> Task:
        """A task from a map-style `Dataset`; `more` is what `search.sources.dataset.dataset_task` takes."""
        from .loaders.dataset import dataset_task

        return dataset_task(train, **more)

    @classmethod
    def from_image_folder(cls, folder: str | Path, **more: Any) -> Task:
        """A task from a folder of images; `more` is what `search.sources.images.image_folder_task` takes."""
        from .loaders.images import image_folder_task

        return image_folder_task(folder, **more)

    @classmethod
    def from_features(cls, backbone: nn.Module, **more: Any) -> Task:
        """A head on a frozen backbone; `more` is what `search.sources.features.features_task` takes."""
        from .loaders.features import features_task

        return features_task(backbone, **more)

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
        return self._outputs if self.kind == "multiclass" else None

    @property
    def draws(self) -> bool:
        """Whether the model draws random numbers in training, as dropout does."""
        return self._draws

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
            "sizes": {name: len(targets) for name, (_, targets) in self.parts.items()},
            "recipe": self.settings.to_json(),
            "fingerprint": fingerprint(self.parts.values()),
            "model_parameters": sum(p.numel() for p in self.build(0).parameters()),
            **({"about": dict(self.about)} if self.about else {}),
        }

    def _check_metric(self) -> None:
        if callable(self.metric):
            from ..metrics import metric_of

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
                found = codes(f"task {self.name}: {name}", getattr(self, name), len(self.train[1]))
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

    _outputs: int = field(init=False, repr=False, default=0)
    _draws: bool = field(init=False, repr=False, default=False)
