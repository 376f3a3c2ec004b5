"""Losses that users bring, as functions or modules: what they are for, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from inspect import isclass, signature
from typing import Any, TypeVar

from torch import Tensor, nn

from ..declarations import KINDS, Kind, Number, Parameter
from ..errors import UserError, unknown

T = TypeVar("T")
_DECLARATION = "__lossmith__"


@dataclass(frozen=True)
class Own:
    """A loss of a user's own: `call(outputs, targets, parameters)` returns one number or one per sample.

    `loss_itself` is what the user wrote; `declared` says whether they said for which kind of problem.
    """

    name: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    call: Callable[[Tensor, Tensor, Mapping[str, Number]], Tensor]
    loss_itself: Callable[..., Any]
    declared: bool

    def loss(self, outputs: Tensor, targets: Tensor, values: Mapping[str, Number] | None = None) -> Tensor:
        """The loss of one batch, a 0-d tensor; parameters not given have their defaults."""
        found = self.call(
            outputs, targets, {**{p.name: p.default for p in self.parameters}, **(values or {})}
        )
        if not isinstance(found, Tensor) or found.shape not in ((), targets.shape, targets.shape[:1]):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(f"{self.name} must return a tensor of shape () or (N,), but it returned {shape}")
        return found.mean()


def declare(*, kind: Kind, parameters: Sequence[Parameter] = ()) -> Callable[[T], T]:
    """Say of a function or an `nn.Module` class for which kind of problem it is, and which parameters it has.

    The function takes `(outputs, targets)` and its parameters as keyword arguments; the class takes
    them when it is built. They may be floats or 0-d tensors, under `vmap`.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)

    def mark(loss: T) -> T:
        setattr(loss, _DECLARATION, (kind, tuple(parameters)))
        return loss

    return mark


def own(name: str, loss: Any, kind: Kind | None = None) -> Own:
    """A user's object as a loss; undeclared keyword-only arguments of a function keep their defaults.

    Raises `UserError` when it is no function of `(outputs, targets)`, no module, or of another kind.
    """
    declared, parameters = getattr(loss, _DECLARATION, (None, ()))
    if kind is not None and declared not in (None, kind):
        raise UserError(
            f"{name} is declared for {declared} problems, but asked about as {kind}; leave --kind out"
        )
    chosen = kind or declared or "multiclass"
    if isclass(loss) and issubclass(loss, nn.Module):
        built = loss
        return Own(name, chosen, parameters, lambda o, t, v: built(**v)(o, t), loss, declared is not None)
    if isclass(loss) or not callable(loss):
        raise UserError(f"{name} must be a function or an nn.Module, but it is of type {type(loss).__name__}")
    if not isinstance(loss, nn.Module):
        _check_signature(name, loss, [p.name for p in parameters])
    return Own(name, chosen, parameters, lambda o, t, v: loss(o, t, **v), loss, declared is not None)


def _check_signature(name: str, loss: Callable[..., Any], given: Sequence[str]) -> None:
    try:
        arguments = signature(loss).parameters.values()
    except (TypeError, ValueError):
        return  # built-in functions may have none
    positional = [
        a for a in arguments if a.kind in (Argument.POSITIONAL_ONLY, Argument.POSITIONAL_OR_KEYWORD)
    ]
    needed = [a for a in positional if a.default is Argument.empty]
    variadic = any(a.kind is Argument.VAR_POSITIONAL for a in arguments)
    missing = [
        a.name
        for a in arguments
        if a.kind is Argument.KEYWORD_ONLY and a.default is Argument.empty and a.name not in given
    ]
    if (len(positional) < 2 and not variadic) or len(needed) > 2 + len(given) or missing:
        shown = f"{name}{signature(loss)}"
        raise UserError(
            f"{name} must take (outputs, targets) and declared parameters, but it is {shown}; see declare()"
        )
