"""A user's own loss in the place of a term's function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import UserError
from ..numerics import Number


@dataclass(frozen=True)
class UserTerm:
    """A user's function, module or class of modules, as the function of a term.

    It reads the model's own outputs, whatever its arguments are called.

    Args:
        loss: a function or a module of `(outputs, targets, **parameters)`, or a class of modules that takes
            the parameters when it is built and `(outputs, targets)` when it is called.
    """

    loss: Callable[..., Any]

    @property
    def __name__(self) -> str:
        return str(getattr(self.loss, "__name__", type(self.loss).__name__))

    def __call__(self, outputs: Tensor, targets: Tensor, **values: Number) -> Tensor:
        """The loss of each sample, (N,) or of the shape of the targets, or of the batch, ().

        Raises:
            UserError: the user's code returned something else.
        """
        built = isinstance(self.loss, type)
        try:
            found = self.loss(**values)(outputs, targets) if built else self.loss(outputs, targets, **values)
        except SystemExit as error:
            raise UserError(
                f"{self.__name__} must return a loss, but it called sys.exit({error.code!r})"
            ) from error
        if isinstance(found, Tensor) and found.shape in ((), targets.shape, targets.shape[:1]):
            return found
        got = f"one of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"{self.__name__} must return a tensor of shape () or (N,), but it returned {got}")
