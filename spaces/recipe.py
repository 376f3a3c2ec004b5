"""How a model is trained apart from its loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..losses.errors import UserError, unknown

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
DEFAULT_LEARNING_RATE = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.1}
_COUNTS = ("epochs", "batch_size", "step_epochs")
_NUMBERS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("be above 0", lambda value: 0 < value < math.inf),
    "weight_decay": ("be at least 0", lambda value: 0 <= value < math.inf),
    "momentum": ("lie in [0, 1)", lambda value: 0 <= value < 1),
    "clip": ("be above 0", lambda value: 0 < value < math.inf),
    "step_factor": ("lie in (0, 1)", lambda value: 0 < value < 1),
    "stop_after": ("lie in (0, 1]", lambda value: 0 < value <= 1),
}


@dataclass(frozen=True)
class Recipe:
    """Optimiser, learning rate and its schedule, weight decay, clipping, epochs and batch size (samples).

    A learning rate of None means the optimiser's usual one. `weight_decay` is L2 for adam and sgd and
    decoupled for adamw, as in `torch.optim`; `momentum` and `nesterov` are used by sgd alone. `clip` is the
    largest norm of a model's whole gradient, None for any (`torch.nn.utils.clip_grad_norm_`). The learning
    rate is the largest of its schedule: `constant` keeps it, `cosine` takes it to zero, `one_cycle` warms up
    and cools down (Smith and Topin 2018; the momentum stays), `step` multiplies it by `step_factor` every
    `step_epochs` epochs (None: a third of them). All but `step` move with every batch.

    `stop_after` stops early: after this share of the epochs, which `trained_epochs` counts, the model stays
    as it is, and the schedule spans those epochs alone. Networks learn what is right before they learn wrong
    labels by heart (Arpit et al. 2017; Li, Soltanolkotabi and Oymak 2020), so it is a rival of a robust loss.
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float | None = None
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    clip: float | None = None
    schedule: str = "constant"
    step_epochs: int | None = None
    step_factor: float = 0.1
    stop_after: float = 1.0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer in the recipe", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule in the recipe", self.schedule, SCHEDULES)
        for name in _COUNTS:
            value = getattr(self, name)
            if name == "step_epochs" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"recipe: {name} must be a whole number of at least 1, but got {value!r}")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", DEFAULT_LEARNING_RATE[self.optimizer])
        self._check_numbers()
        self._check_nesterov()

    def _check_numbers(self) -> None:
        for name, (rule, holds) in _NUMBERS.items():
            value = getattr(self, name)
            if name == "clip" and value is None:
                continue
            if not isinstance(value, int | float) or isinstance(value, bool):
                got = f"{value!r} of type {type(value).__name__}"
                raise UserError(f"recipe: {name} must be a number, but got {got}{_as_yaml(value)}")
            if not holds(value):
                raise UserError(f"recipe: {name} must {rule}, but got {value!r}")

    def _check_nesterov(self) -> None:
        if not isinstance(self.nesterov, bool):
            raise UserError(f"recipe: nesterov must be true or false, but got {self.nesterov!r}")
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise UserError(
                "recipe: nesterov must go with optimizer sgd and a momentum above 0, "
                f"but got {self.optimizer} with momentum {self.momentum:g}"
            )

    @property
    def rate(self) -> float:
        """The learning rate, resolved."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def trained_epochs(self) -> int:
        """How many of the epochs a model is trained for: `stop_after` of them, rounded, at least 1."""
        return max(1, round(self.stop_after * self.epochs))

    def stopped(self, epoch: int) -> bool:
        """Whether a model stays as it is in this epoch, counted from 0; without `stop_after` never."""
        return self.trained_epochs < self.epochs and epoch >= self.trained_epochs

    def with_rate(self, learning_rate: float) -> Recipe:
        """The same recipe with another learning rate."""
        return replace(self, learning_rate=float(f"{learning_rate:.12g}"))

    def beside(self, other: Recipe) -> str:
        """In words, what is otherwise than in another one, such as "5 epochs, schedule cosine".

        Learning rates, and what the optimiser or the schedule does not read, are left out.
        """
        said = [f"{self.trained_epochs} epochs"] * (self.trained_epochs != other.trained_epochs)
        read = ["weight_decay", *["momentum"] * (self.optimizer == "sgd"), "clip", "schedule"]
        for name in (*read, *["step_factor"] * (self.schedule == "step")):
            value = getattr(self, name)
            if value != getattr(other, name):
                shown = f"{value:.3g}" if isinstance(value, float) else str(value or "none")
                said.append(f"{name.replace('_', ' ')} {shown}")
        return ", ".join(said)

    def to_json(self) -> dict[str, Any]:
        """A plain document."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Recipe:
        """The recipe a mapping describes; unknown keys are errors."""
        if not isinstance(document, Mapping):
            raise UserError(f"the recipe must be a mapping such as {{epochs: 20}}, but got {document!r}")
        known = [f.name for f in fields(cls)]
        for key in document:
            if key not in known:
                raise unknown("key in the recipe", key, known)
        return cls(**document)


def _as_yaml(value: object) -> str:
    """How a number that arrived as text is written: YAML takes 1e-3, without a point, for text."""
    try:
        number = repr(float(str(value)))
    except ValueError:
        return ""
    return (
        f"; write {number if '.' in number else number.replace('e', '.0e')}" if isinstance(value, str) else ""
    )
