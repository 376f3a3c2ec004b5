"""What a user brings: data, a model, a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from ..losses import Kind
from ..losses.errors import UserError, unknown
from ..losses.parts import KINDS
from .data import Data, brief, check_alike, checked, shape_of
from .metrics import METRICS, Metric
from .recipe import Recipe

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
    the name of what counts, measured on held-out data. `recipe` holds epochs, batch_size, optimizer,
    learning_rate, weight_decay and momentum. Without `validation`, lossmith folds the training part. The
    test part is read once, by the verdict.

    Raises `UserError` for anything a search could not work with.
    """

    name: str
    kind: Kind
    train: Any
    test: Any
    model: Callable[[], nn.Module]
    metric: str
    validation: Any = None
    recipe: Recipe | Mapping[str, Any] = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise UserError(f'a task must have a name such as "digits", but got {self.name!r}')
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        fitting = {name for name, metric in METRICS.items() if self.kind in metric.kinds}
        if self.metric not in fitting:
            raise unknown(f"metric for {self.kind}", self.metric, fitting)
        if not isinstance(self.recipe, Recipe):
            object.__setattr__(self, "recipe", Recipe.from_mapping(self.recipe))
        for name in PARTS:
            given = getattr(self, name)
            if given is not None or name != "validation":
                object.__setattr__(self, name, checked(self.kind, f"task {self.name}: {name}", given))
        for name, data in self.parts.items():
            check_alike(f"task {self.name}: {name}", data, self.train)
        self._check_model()

    @property
    def parts(self) -> dict[str, Data]:
        """The parts of the data that there are, by name."""
        return {name: getattr(self, name) for name in PARTS if getattr(self, name) is not None}

    @property
    def measure(self) -> Metric:
        """The metric itself."""
        return METRICS[self.metric]

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
        data = sha256()
        for tensor in (tensor for part in self.parts.values() for tensor in part):
            data.update(str((tensor.dtype, tuple(tensor.shape))).encode())
            data.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "sizes": {name: len(targets) for name, (_, targets) in self.parts.items()},
            "recipe": self.settings.to_json(),
            "fingerprint": data.hexdigest()[:16],
            "model_parameters": sum(p.numel() for p in self.build(0).parameters()),
        }

    def _check_model(self) -> None:
        """Refuse models that could not be trained; note how many outputs they have and whether they draw."""
        if isinstance(self.model, nn.Module) or not callable(self.model):
            raise self._wrong(
                "model must be a function that builds a fresh nn.Module, but got "
                f"{type(self.model).__name__}; write model=lambda: nn.Sequential(...)"
            )
        try:
            model, twin = self.build(0), self.build(0)
        except UserError:
            raise
        except Exception as error:
            raise self._wrong(f"model() must return an nn.Module, but it raised {brief(error)}") from error
        parameters = list(model.parameters())
        if any(isinstance(p, nn.UninitializedParameter) for p in parameters):
            raise self._wrong(
                "lazy layers must be replaced by layers whose sizes are given, such as nn.Linear(64, 10)"
            )
        if not any(p.requires_grad for p in parameters):
            raise self._wrong("the model must have parameters to train, but it has none")
        self._check_outputs(self._tried(model.eval(), "evaluation"))
        twins_buffers = [buffer.clone() for buffer in twin.buffers()]
        with torch.random.fork_rng(devices=[]):
            before = torch.get_rng_state()
            self._tried(model.train(), "training")
            object.__setattr__(self, "_draws", not torch.equal(before, torch.get_rng_state()))
        trained = {id(p) for p in parameters if p.requires_grad}
        if any(id(p) in trained for p in twin.parameters()) or not all(
            torch.equal(buffer, old) for buffer, old in zip(twin.buffers(), twins_buffers, strict=True)
        ):
            raise self._wrong(
                "model() must build a fresh nn.Module at each call, but what two calls built shares layers; "
                "make every layer inside the function"
            )

    @torch.no_grad()
    def _tried(self, model: nn.Module, mode: str) -> object:
        """What the model returns for three samples."""
        inputs: Tensor = self.train[0]
        try:
            return model(inputs[:3])
        except Exception as error:
            raise self._wrong(
                f"the model must accept inputs of shape {shape_of(inputs)}, "
                f"but in {mode} it raised {brief(error)}"
            ) from error

    def _check_outputs(self, outputs: object) -> None:
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        wanted = tuple(self.train[1][:3].shape)
        if self.kind != "multiclass":
            # A single output may have a dimension of its own.
            if shape != wanted and not (len(wanted) == 1 and shape == (*wanted, 1)):
                raise self._wrong(
                    f"the model must return outputs shaped as the targets, {wanted}, but it returned {shape}"
                )
            return
        if not isinstance(outputs, Tensor) or outputs.shape[:-1] != wanted or outputs.shape[1] < 2:
            raise self._wrong(
                f"a multiclass model must return logits (N, K) with K >= 2, but it returned {shape} "
                f"for {wanted[0]} samples"
            )
        classes = outputs.shape[1]
        labels = torch.cat([targets for _, targets in self.parts.values()])
        least, most = int(labels.min()), int(labels.max())
        if least < 0 or most >= classes:
            raise self._wrong(
                f"labels must lie in 0..{classes - 1}, for the model has {classes} outputs, "
                f"but they run from {least} to {most}"
            )
        object.__setattr__(self, "_outputs", classes)

    def _wrong(self, message: str) -> UserError:
        return UserError(f"task {self.name}: {message}")

    _outputs: int = field(init=False, repr=False, default=0)
    _draws: bool = field(init=False, repr=False, default=False)
