"""That what a formula asks for exists: graphs are wired by the names of arguments.

Renaming an argument would otherwise leave a quantity unread or a parameter at its default, and change the
loss without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter as Argument
from inspect import signature
from string import Formatter
from typing import Any

from ..declarations import Part
from ..errors import UserError, unknown
from ..kinds import ProblemKind
from .steps import inputs_of

_GIVEN = ("outputs", "logits", "targets")
_OF_BATCH = ("loss", "weight")  # what selecting and reducing start from


def check_kind(kind: ProblemKind) -> None:
    """Raise `UserError` where a quantity of a kind is computed from a value that is not there."""
    known = {*_GIVEN, kind.constant, *kind.quantities}
    for name, quantity in kind.quantities.items():
        for function in (quantity.function, quantity.fast.members):
            _check_inputs(f"the quantity {name}", kind, function, known)


def check_part(part: Part, kinds: Iterable[ProblemKind]) -> None:
    """Raise `UserError` where a part asks for a value or a parameter that is not there.

    Args:
        part: The part.
        kinds: Those that it serves.
    """
    parameters = {p.name for p in part.parameters}
    for function in (part.function, part.fast.members, part.fast.alone, part.same_as):
        _check_parameters(part, function, parameters)
    for text in (part.formula, part.latex):
        for _, name, _, _ in Formatter().parse(text):
            if name is not None and name not in parameters:
                raise unknown(f"parameter in the formula of {part.name}", name, parameters)
    for kind in kinds:
        known = {*_GIVEN, kind.constant, *kind.quantities}
        known |= set(_OF_BATCH) if part.stage in ("select", "reduce") else set()
        for function in (part.function, part.fast.members):
            _check_inputs(f"the part {part.name}", kind, function, known)


def _check_inputs(
    what: str, kind: ProblemKind, function: Callable[..., Any] | None, known: Iterable[str]
) -> None:
    for name in inputs_of(function) if function is not None else ():
        if name not in known:
            error = unknown("value", name, known)
            raise UserError(f"{what} must ask for values that {kind.name} losses have, but got an {error}")


def _check_parameters(part: Part, function: Callable[..., Any] | None, parameters: set[str]) -> None:
    if function is None:
        return
    arguments = signature(function).parameters.values()
    if any(a.kind is Argument.VAR_KEYWORD for a in arguments):
        return
    named = (Argument.KEYWORD_ONLY,) if function is not part.same_as else (Argument.POSITIONAL_OR_KEYWORD,)
    asked = {a.name for a in arguments if a.kind in named}
    if asked != parameters:
        raise UserError(
            f"{function.__name__} of the part {part.name} must take the parameters that the part declares, "
            f"{sorted(parameters)}, but it takes {sorted(asked)}"
        )
