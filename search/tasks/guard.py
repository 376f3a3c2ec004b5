"""What cannot be a sensible task, found before anything is trained; and what a task's names may be."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch

from ...losses.errors import UserError, shown
from .arrays import plain
from .data import Data
from .streaming import Streamed

NAME_LENGTH = 100
DEEPEST = 20  # lists and mappings in one another


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
            f"begin with no dot, but got {shown(name)}, {held}"
        )


def tidy_name(text: str) -> str:
    """A file's name as the name of a task: signs that a name may not hold become `-`."""
    found = "".join(c if c.isprintable() and c not in "/\\" else "-" for c in text)
    return found.lstrip(". ")[:NAME_LENGTH].strip() or "task"


def check_varied(what: str, train: Data) -> None:
    """Refuse a training part whose samples all have the same inputs, or all the same target.

    Args:
        what: The part's name in errors.
        train: The training part.

    Raises:
        UserError: All inputs or targets are equal, so there is nothing to learn.
    """
    inputs: Any = train[0]
    if bool(constant_columns(train[1]).all()):
        raise UserError(
            f"{what}: targets must differ between samples, but all {len(train[1]):,} are the same; no loss "
            "can be told from another by them"
        )
    held = next(inputs.chunks()) if isinstance(inputs, Streamed) else inputs
    if len(held) < 2 or len(held) < len(inputs):
        return
    if torch.equal(held[0], held[-1]) and bool((held == held[:1]).all()):
        raise UserError(
            f"{what}: inputs must differ between samples, but all {len(held):,} are equal, number for "
            "number; check how they were read"
        )


def constant_columns(targets: torch.Tensor) -> torch.Tensor:
    """True for each column of targets (N,) or (N, ...), (1,) or (T,), that holds one value besides gaps."""
    columns = targets.reshape(len(targets), -1)
    if columns.is_floating_point():
        low = columns.nan_to_num(nan=torch.inf).amin(0)
        return low >= columns.nan_to_num(nan=-torch.inf).amax(0)
    return columns.amin(0) == columns.amax(0)


def is_list(value: object) -> bool:
    """Whether a value is a list, a tuple or an array of several things, that can be gone through again."""
    listed = hasattr(value, "__len__") and hasattr(value, "__getitem__") and not isinstance(value, Mapping)
    return isinstance(value, list | tuple) or listed


def plain_json(what: str, value: Any, depth: int = 0) -> Any:
    """`value` as JSON can hold it: numbers, text, lists and mappings.

    NumPy numbers, arrays, tensors, tuples and sets become Python's own numbers and lists.

    Args:
        what: The value's name in errors.
        value: Anything a user gave.
        depth: How deep it lies in what was given.

    Raises:
        UserError: Something in it has no such form, a number is not finite, or it is nested too deep, as
            what holds itself is.
    """
    if depth > DEEPEST:
        raise UserError(f"{what[:100]} must be nested at most {DEEPEST} deep, but it is deeper; leave it out")
    if isinstance(value, Mapping):
        return {str(key): plain_json(f"{what}.{key}", held, depth + 1) for key, held in value.items()}
    if hasattr(value, "tolist"):
        with suppress(RuntimeError, TypeError):  # a tensor without numbers, such as one on the device meta
            value = plain(value).tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        return [plain_json(what, held, depth + 1) for held in value]
    number = isinstance(value, int | float) and abs(value) <= sys.float_info.max  # never for NaN
    if value is None or isinstance(value, str) or number:
        return value
    raise UserError(
        f"{what} must hold what JSON can: text, numbers, lists and mappings, but got "
        f"{shown(value)} of type {type(value).__name__}"
    )
