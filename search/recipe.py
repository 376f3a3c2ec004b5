"""How a model is trained apart from its loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..losses.errors import UserError, unknown

OPTIMIZERS = ("adam", "sgd")
DEFAULT_LEARNING_RATE = {"adam": 3e-3, "sgd": 0.1}
_NUMBERS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("be above 0", lambda value: 0 < value < math.inf),
    "weight_decay": ("be at least 0", lambda value: 0 <= value < math.inf),
    "momentum": ("lie in [0, 1)", lambda value: 0 <= value < 1),
}


@dataclass(frozen=True)
class Recipe:
    """Optimiser, learning rate, weight decay (L2, as in `torch.optim`), epochs and batch size (samples).

    A learning rate of None means the optimiser's usual one. `momentum` is used by SGD alone.
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float | None = None
    weight_decay: float = 0.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer in the recipe", self.optimizer, OPTIMIZERS)
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"recipe: {name} must be a whole number of at least 1, but got {value!r}")
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", DEFAULT_LEARNING_RATE[self.optimizer])
        for name, (rule, holds) in _NUMBERS.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                got = f"{value!r} of type {type(value).__name__}"
                raise UserError(f"recipe: {name} must be a number, but got {got}{_as_yaml(value)}")
            if not holds(value):
                raise UserError(f"recipe: {name} must {rule}, but got {value!r}")

    @property
    def rate(self) -> float:
        """The learning rate, resolved."""
        assert self.learning_rate is not None
        return self.learning_rate

    def with_rate(self, learning_rate: float) -> Recipe:
        """The same recipe with another learning rate."""
        return replace(self, learning_rate=float(f"{learning_rate:.12g}"))

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
