"""Losses that users bring, as functions or modules: what they are for, and what they are as parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import Parameter as Argument
from inspect import isclass, signature
from typing import Any, TypeVar

import torch
from torch import nn

from ..checks import random_batch
from ..declarations import Level, Parameter, Part
from ..errors import UserError, shown
from ..family import UserTerm
from ..kinds import Kind, kind_named

T = TypeVar("T")
_DECLARATION = "__lossmith__"


def declare(*, kind: Kind, parameters: Sequence[Parameter] = ()) -> Callable[[T], T]:
    """Say of a function or an `nn.Module` class for which kind of problem it is, and what may vary in it.

        >>> from lossmith.losses import Parameter, declare
        >>> @declare(kind="regression", parameters=[Parameter("power", default=2.0, search=(1.0, 3.0))])
        ... def powered(outputs, targets, *, power):
        ...     return (outputs - targets).abs() ** power

    Args:
        kind: multiclass, binary, multilabel or regression.
        parameters: the numbers that may be searched. A function takes them as keyword arguments, a class when
            it is built; they are floats, or 0-d tensors under `torch.vmap`.

    Raises:
        UserError: there is no such kind, or the parameters are not a list of `Parameter` of different names.
    """
    kind_named(kind)
    given: object = parameters
    if not isinstance(given, list | tuple) or not all(isinstance(one, Parameter) for one in given):
        raise UserError(
            f"parameters must be a list of Parameter, but got {shown(given)}; write "
            "parameters=[Parameter('gamma', default=2.0, search=(0.0, 5.0))]"
        )
    if twice := [p.name for p in parameters if sum(q.name == p.name for q in parameters) > 1]:
        raise UserError(f"parameters must have different names, but there are two {twice[0]}; rename one")

    def mark(loss: T) -> T:
        setattr(loss, _DECLARATION, (kind, tuple(parameters)))
        return loss

    return mark


def as_part(name: str, loss: Any, kind: Kind | None = None, source: str = "") -> Part:
    """A user's function, module or class of modules as a term of the family.

    Args:
        name: of the term, a Python name.
        loss: what the user wrote; a `Part` is returned as it is.
        kind: the kind of problem, where the loss does not declare one; None for multiclass.
        source: where the loss is from, for people.

    Raises:
        UserError: it is no function of `(outputs, targets)` and no module, or has weights to learn.
    """
    if isinstance(loss, Part):
        return loss
    declared, parameters = getattr(loss, _DECLARATION, (kind or "multiclass", ()))
    is_module = isinstance(loss, nn.Module) or (isclass(loss) and issubclass(loss, nn.Module))
    if not is_module and (isclass(loss) or not callable(loss)):
        raise UserError(f"{name} must be a function or an nn.Module, but it is of type {type(loss).__name__}")
    if not is_module:
        _check_signature(name, loss, [p.name for p in parameters])
    _check_weights(name, loss, parameters)
    slots, escaped = "".join(f", {{{p.name}}}" for p in parameters), name.replace("_", r"\_")
    return Part(
        name=name,
        stage="term",
        kinds=(declared,),
        function=UserTerm(loss),
        formula=f"{name}(z, y{slots})",
        latex=rf"\operatorname{{{{{escaped}}}}}(z, y{slots})",
        source=source,
        parameters=parameters,
        level=_level(UserTerm(loss), declared, parameters),
    )


def _check_weights(name: str, loss: Any, parameters: Sequence[Parameter]) -> None:
    """Refuse a module with weights: an optimizer is given those of the model alone, so they would stay."""
    module = loss
    if isclass(loss):
        try:
            module = loss(**{p.name: p.default for p in parameters})
        except Exception:  # noqa: BLE001  (examining it tells what it raises)
            return
    if not isinstance(module, nn.Module):
        return
    with suppress(AttributeError):  # a class that does not call super().__init__()
        learnt = [of for of, value in module.named_parameters() if value.requires_grad]
        if learnt:
            raise UserError(
                f"a loss must have no weights to learn, for a search trains those of the model alone, but "
                f"{name} has {learnt[0]}; declare it as a Parameter, or keep it by register_buffer"
            )


def _level(loss: UserTerm, kind: Kind, parameters: Sequence[Parameter]) -> Level:
    """Whether it returns a loss per sample or one per batch; examining it tells what it raises."""
    outputs, targets = random_batch(kind, dtype=torch.float32)
    try:
        with torch.no_grad():
            value = loss(outputs, targets, **{p.name: p.default for p in parameters})
    except Exception:  # noqa: BLE001  (a user's code may raise anything)
        return "sample"
    return "sample" if value.dim() else "batch"


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
