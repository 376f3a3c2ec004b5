"""A user's own loss in the place of a term's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..declarations import Number


@dataclass(frozen=True)
class UserTerm:
    """A user's function, or class of modules, as the function of a term.

    It reads the model's own outputs, whatever its arguments are called.

    Args:
        loss: a function of `(outputs, targets, **parameters)`, or a class of modules that takes the
            parameters when it is built and `(outputs, targets)` when it is called.
    """

    loss: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return str(getattr(self.loss, "__name__", type(self.loss).__name__))

    def __call__(self, outputs: Tensor, targets: Tensor, **values: Number) -> Tensor:
        """The loss of each sample, or of the batch."""
        found: Tensor = (
            self.loss(**values)(outputs, targets)
            if isinstance(self.loss, type)
            else self.loss(outputs, targets, **values)
        )
        return found
