"""Frozen dataclasses from plain JSON and back: what the store holds is read through types.

Whatever another version, a half-restored backup or an editor left in a row is found here, by its place, and
not as a KeyError in the middle of a page.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from json import JSONDecodeError
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ...losses.errors import UserError, one_line

LENGTH = 60  # characters of a value that an error shows
_Record = TypeVar("_Record")
# A JSON object whose shape is its writer's affair; `read` makes a record of it.
Document = Mapping[str, object]
# Metadata of a field: one that may be missing from the JSON, is None then and is left out again; and one that
# holds what the JSON has beside the other fields, as a newer or an older version wrote it.
OMITTED = {"omitted": True}
REST = {"rest": True}

# What reading a document that is not what it should be may raise, beside `Damaged`.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Damaged(ValueError):  # noqa: N818  (it says what the document is)
    """A document is not what its type says; the message begins with the place in it."""


def told(error: Exception) -> str:
    """Say in one line what is wrong with a document, given the error that reading it raised."""
    match error:
        case Damaged() | UserError():
            said = str(error)
        case JSONDecodeError():
            said = f"it is no JSON from character {error.pos + 1} on"
        case KeyError():
            said = f"it must have the key {error.args[0]}"
        case UnicodeError():
            said = "it is no text"
        case _:  # in Python's words, which say nothing to whoever reads them
            said = "it holds another kind of value than it should"
    return one_line(said, 160)


def read(cls: type[_Record], document: Any, place: str = "") -> _Record:
    """The record of type `cls` that a plain `document` describes.

    Args:
        cls: A class with a `from_json` or `from_mapping`; or a dataclass whose fields are such classes, other
            such dataclasses, numbers, text, literals, tuples, mappings with text as keys, or optional ones.
        document: What was read from JSON.
        place: How to name the document in an error.

    Raises:
        Damaged: A key is missing, or a value is of another type.
    """
    return cast("_Record", _value(cls, document, place))


def _record(cls: type[Any], document: Any, place: str) -> Any:
    """A dataclass, field by field."""
    if not isinstance(document, Mapping):
        raise Damaged(f"{place or 'it'} must be a mapping, but got {_shown(document)}")
    values: dict[str, Any] = {}
    known = _fields(cast("Hashable", cls))
    for name, (one, wanted) in known.items():
        if one.metadata == REST:
            values[name] = {key: value for key, value in document.items() if key not in known}
        elif name in document:
            values[name] = _value(wanted, document[name], f"{place}.{name}".lstrip("."))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise Damaged(f"{place or 'it'} must have the key {name}")
    return cls(**values)


def plain(record: Any) -> Any:
    """The plain JSON of a record, or of a value in one; `read` gives the record back."""
    if hasattr(record, "to_json"):
        return record.to_json()
    if is_dataclass(record):
        return fields_of(record)
    if isinstance(record, Mapping):
        return {key: plain(value) for key, value in record.items()}
    if isinstance(record, tuple | list):
        return [plain(value) for value in record]
    return record


def fields_of(record: Any) -> dict[str, Any]:
    """Write a dataclass as plain JSON, field by field.

    Args:
        record: An instance of any dataclass, whose own `to_json` is not called.
    """
    found: dict[str, Any] = {}
    for one in fields(record):
        value = getattr(record, one.name)
        if one.metadata == REST:
            found |= value
        elif value is not None or one.metadata != OMITTED:
            found[one.name] = plain(value)
    return found


@cache
def _fields(cls: Any) -> dict[str, tuple[Field[Any], Any]]:
    hints = get_type_hints(cls)
    return {one.name: (one, hints[one.name]) for one in fields(cls)}


def _value(wanted: Any, value: Any, place: str) -> Any:
    """The value as its type wants it."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted in (Any, object):
        return value
    if origin in (Union, types.UnionType):
        return _optional(inner, value, place)
    if origin is Literal:
        return _checked(value, value in inner, f"one of {', '.join(map(str, inner))}", place)
    if origin is tuple:
        return _tuple(inner, value, place)
    if origin is not None and issubclass(origin, Mapping):
        _checked(value, isinstance(value, Mapping), "a mapping", place)
        return {str(key): _value(inner[1], one, f"{place}.{key}") for key, one in value.items()}
    return _plain_value(wanted, value, place)


def _tuple(inner: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    _checked(value, isinstance(value, list | tuple), "a list", place)
    if inner[-1] is Ellipsis:
        inner = (inner[0],) * len(value)
    _checked(value, len(value) == len(inner), f"a list of {len(inner)}", place)
    return tuple(
        _value(one, v, f"{place}[{at}]") for at, (one, v) in enumerate(zip(inner, value, strict=True))
    )


def _plain_value(wanted: Any, value: Any, place: str) -> Any:
    if (own := getattr(wanted, "from_json", None) or getattr(wanted, "from_mapping", None)) is not None:
        try:
            return own(value)
        except UNREADABLE as error:
            raise Damaged(f"{place} cannot be read: {told(error)}") from None
    if is_dataclass(wanted):
        return _record(cast("type[Any]", wanted), value, place)
    if wanted is float:
        return float(_checked(value, _is_number(value), "a number", place))
    if wanted is int:
        return _checked(value, _is_number(value) and isinstance(value, int), "a whole number", place)
    names = {str: "text", bool: "true or false"}
    return _checked(value, isinstance(value, wanted), names.get(wanted, wanted.__name__), place)


def _optional(inner: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and type(None) in inner:
        return None
    others = [one for one in inner if one is not type(None)]
    for one in others[:-1]:
        try:
            return _value(one, value, place)
        except Damaged:
            continue
    return _value(others[-1], value, place)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked(value: Any, holds: object, rule: str, place: str) -> Any:
    if not holds:
        raise Damaged(f"{place} must be {rule}, but got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 3]}..."
