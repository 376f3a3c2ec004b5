"""JSON with every float in it.

PostgreSQL refuses the `NaN` that Python would write, and a trial that diverged holds some, so numbers that
JSON does not have are written as {"$float": "nan"}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

_KEY = "$float"
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(document: Any) -> str:
    """Write a document as strict JSON.

    Most documents hold ordinary numbers alone and are not searched for others.

    Args:
        document: Dicts, lists, text, numbers (NaN and infinities too), booleans and None.
    """
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(replaced(document, _named), allow_nan=False, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """Read what `dumps` wrote; tuples come back as lists.

    Args:
        text: The JSON.
    """
    marked = f'"{_KEY}"' in text if isinstance(text, str) else f'"{_KEY}"'.encode() in text
    return json.loads(text, object_hook=_number if marked else None)


def replaced(document: Any, other: Callable[[float], Any]) -> Any:
    """Copy a document as plain dicts and lists, its numbers that are not finite replaced.

    Args:
        document: Mappings, lists, tuples and plain values.
        other: Gives what stands for a NaN or an infinity.
    """
    if isinstance(document, float):
        return document if math.isfinite(document) else other(document)
    if isinstance(document, Mapping):
        return {str(key): replaced(value, other) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [replaced(value, other) for value in document]
    return document


def _named(value: float) -> dict[str, str]:
    return {_KEY: repr(value)}


def _number(found: dict[str, object]) -> object:
    return _NUMBERS.get(str(found[_KEY]), found) if found.keys() == {_KEY} else found
