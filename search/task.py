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
from .metrics import METRICS, Metric
from .recipe import Recipe

Data = tuple[Tensor, Tensor]
_GENERATOR = Lock()  # torch initialises models from one global generator; programs are built side by side


@dataclass(frozen=True, eq=False)
class Task:
    """A problem to find a loss for.

    `train`, `test` and, if the task has one, `validation` are pairs (inputs, targets) of arrays or tensors with
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
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        fitting = {name for name, metric in METRICS.items() if self.kind in metric.kinds}
        if self.metric not in fitting:
            raise unknown(f"metric for {self.kind}", self.metric, fitting)
        if not isinstance(self.recipe, Recipe):
            object.__setattr__(self, "recipe", Recipe.from_mapping(self.recipe))
        for name in ("train", "validation", "test"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, _checked(self.kind, name, given))
        self._check_model()
        self._check_draws()

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
        """A fresh model whose initialisation depends on `seed` alone; the global generator stays as it was."""
        with _GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.model()
        inputs: Tensor = self.train[0]
        return model.to(inputs.dtype) if inputs.is_floating_point() else model

    def describe(self) -> dict[str, Any]:
        """What the store and MLflow keep of the task: sizes and names, no data."""
        parts = [
            getattr(self, name) for name in ("train", "validation", "test") if getattr(self, name) is not None
        ]
        data = sha256()
        for tensor in (tensor for part in parts for tensor in part):
            data.update(str((tensor.dtype, tuple(tensor.shape))).encode())
            data.update(tensor.contiguous().view(torch.uint8).numpy().tobytes())
        sizes = {
            name: len(getattr(self, name)[1])
            for name in ("train", "validation", "test")
            if getattr(self, name) is not None
        }
        return {
            "name": self.name,
            "kind": self.kind,
            "metric": self.metric,
            "sizes": sizes,
            "recipe": self.settings.to_json(),
            "fingerprint": data.hexdigest()[:16],
            "model_parameters": sum(p.numel() for p in self.build(0).parameters()),
        }

    def _check_model(self) -> None:
        try:
            model = self.build(0)
        except Exception as error:
            raise UserError(
                f"task {self.name}: model() must return an nn.Module, but it raised {_brief(error)}"
            ) from error
        if not isinstance(model, nn.Module):
            raise UserError(
                f"task {self.name}: model must build an nn.Module, but it returned {type(model).__name__}"
            )
        inputs, targets = self.train
        try:
            with torch.no_grad():
                outputs = model.eval()(inputs[:3])
        except Exception as error:
            raise UserError(
                f"task {self.name}: the model must accept inputs of shape (N, {_tail(inputs)}), but it raised {_brief(error)}"
            ) from error
        rows = len(targets[:3])
        shape = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        if self.kind == "multiclass":
            labels = torch.cat(
                [getattr(self, n)[1] for n in ("train", "validation", "test") if getattr(self, n) is not None]
            )
            least, most = int(labels.min()), int(labels.max())
            if (
                not isinstance(outputs, Tensor)
                or outputs.dim() != 2
                or len(outputs) != rows
                or outputs.shape[1] < 2
            ):
                raise UserError(
                    f"task {self.name}: a multiclass model must return logits (N, K) with K >= 2, but it returned {shape} for {rows} samples"
                )
            if least < 0 or most >= outputs.shape[1]:
                raise UserError(
                    f"task {self.name}: labels must lie in 0..{outputs.shape[1] - 1}, for the model has {outputs.shape[1]} outputs, "
                    f"but they run from {least} to {most}"
                )
            object.__setattr__(self, "_outputs", outputs.shape[1])
            return
        wanted = tuple(targets[:3].shape)
        fits = isinstance(outputs, Tensor) and (
            tuple(outputs.shape) == wanted or (len(wanted) == 1 and tuple(outputs.shape) == (*wanted, 1))
        )
        if not fits:
            raise UserError(
                f"task {self.name}: the model must return outputs shaped as the targets, {wanted}, but it returned {shape}"
            )

    def _check_draws(self) -> None:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            model, before = self.build(0).train(), torch.get_rng_state()
            model(self.train[0][:2])
            object.__setattr__(self, "_draws", not torch.equal(before, torch.get_rng_state()))

    _outputs: int = field(init=False, repr=False, default=0)
    _draws: bool = field(init=False, repr=False, default=False)


def _checked(kind: Kind, name: str, given: Any) -> Data:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(f"{name} must be a pair (inputs, targets), but got {type(given).__name__}")
    inputs, targets = (_tensor(name, value) for value in given)
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise UserError(
            f"{name}: inputs and targets must have one length above 0, but got {len(inputs)} and {len(targets)}"
        )
    for what, values in (("inputs", inputs), ("targets", targets)):
        if values.is_floating_point() and not bool(values.isfinite().all()):
            row = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0])
            raise UserError(
                f"{name}: {what} must be finite, but row {row} holds NaN or infinity; drop or impute it"
            )
    if kind == "multiclass":
        if targets.dim() != 1 or (targets.is_floating_point() and bool((targets != targets.round()).any())):
            raise UserError(
                f"{name}: multiclass targets must be class indices of shape (N,), but got {targets.dtype} of shape {tuple(targets.shape)}"
            )
        return inputs, targets.long()
    targets = targets.to(inputs.dtype if inputs.is_floating_point() else torch.float32)
    if kind in ("binary", "multilabel") and not bool(((targets == 0) | (targets == 1)).all()):
        raise UserError(
            f"{name}: {kind} targets must be 0 or 1, but they run from {targets.min():g} to {targets.max():g}"
        )
    return inputs, targets


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{name} must hold numbers in arrays or tensors, but got {type(value).__name__}: {_brief(error)}"
        ) from error
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def _tail(inputs: Tensor) -> str:
    return ", ".join(map(str, inputs.shape[1:]))


def _brief(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
