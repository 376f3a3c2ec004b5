"""How a model is trained apart from its loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..losses.errors import UserError, unknown

OPTIMIZERS = ("adam", "sgd")
DEFAULT_LEARNING_RATE = {"adam": 3e-3, "sgd": 0.1}


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
        if not (isinstance(self.learning_rate, int | float) and 0 < self.learning_rate < float("inf")):
            raise UserError(f"recipe: learning_rate must be above 0, but got {self.learning_rate!r}")
        if not 0 <= self.weight_decay < float("inf"):
            raise UserError(f"recipe: weight_decay must be at least 0, but got {self.weight_decay!r}")
        if not 0 <= self.momentum < 1:
            raise UserError(f"recipe: momentum must lie in [0, 1), but got {self.momentum!r}")

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
        known = [f.name for f in fields(cls)]
        for key in document:
            if key not in known:
                raise unknown("key in the recipe", key, known)
        return cls(**document)
