"""What cannot be a sensible task, found before anything is trained; and what a task's names may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...losses.errors import UserError, one_line
from .arrays import plain
from .data import Data
from .streaming import Streamed

NAME_LENGTH = 100


def check_name(name: object) -> None:
    """Refuse a name that cannot be a line of a table and a part of a file's name.

    Raises:
        UserError: The name is no text, empty, too long, or holds a slash or a character without a shape.
    """
    if not isinstance(name, str) or not name.strip():
        raise UserError(f'a task must have a name such as "digits", but got {name!r}')
    odd = next((c for c in name if not c.isprintable() or c in "/\\"), None)
    if odd is not None or len(name) > NAME_LENGTH or name.startswith("."):
        held = f"which holds {odd!r}" if odd is not None else f"of {len(name)} characters"
        raise UserError(
            f"a task's name must be at most {NAME_LENGTH} letters, digits and signs without a slash, and "
            f"begin with no dot, but got {one_line(repr(name), 60)}, {held}"
        )


def tidy_name(text: str) -> str:
    """A file's name as the name of a task: signs that a name may not hold become `-`."""
    found = "".join(c if c.isprintable() and c not in "/\\" else "-" for c in text)
    return found.lstrip(". ")[:NAME_LENGTH].strip() or "task"


def check_inputs(what: str, train: Data) -> None:
    """Refuse a training part whose samples all have the same inputs.

    Raises:
        UserError: All inputs are equal, so no model can tell one sample from another.
    """
    inputs: Any = train[0]
    held = next(inputs.chunks()) if isinstance(inputs, Streamed) else inputs
    if len(held) < 2 or len(held) < len(inputs):
        return
    if torch.equal(held[0], held[-1]) and bool((held == held[:1]).all()):
        raise UserError(
            f"{what}: inputs must differ between samples, but all {len(held):,} are equal, number for "
            "number; check how they were read"
        )


def is_list(value: object) -> bool:
    """Whether a value is a list, a tuple or an array of several things, that can be gone through again."""
    return isinstance(value, list | tuple) or (hasattr(value, "__len__") and hasattr(value, "__getitem__"))


def plain_json(what: str, value: Any) -> Any:
    """`value` as JSON can hold it: numbers, text, lists and mappings.

    NumPy numbers, arrays, tensors, tuples and sets become Python's own numbers and lists.

    Raises:
        UserError: Something in it has no such form, or a number is not finite.
    """
    if isinstance(value, Mapping):
        return {str(key): plain_json(f"{what}.{key}", held) for key, held in value.items()}
    if hasattr(value, "tolist"):
        value = plain(value).tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        return [plain_json(what, held) for held in value]
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and value == value):  # noqa: PLR0124
        return value
    raise UserError(
        f"{what} must hold what JSON can: text, numbers, lists and mappings, but got "
        f"{one_line(repr(value), 60)} of type {type(value).__name__}"
    )
