"""JSON with every float in it.

PostgreSQL refuses the `NaN` that Python would write, and a trial that diverged holds some, so numbers that
JSON does not have are written as {"$float": "nan"}.
"""

from __future__ import annotations

import json
import math
from typing import Any

_KEY = "$float"
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def dumps(document: Any) -> str:
    """Strict JSON; most documents hold ordinary numbers alone and are not searched for others."""
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_named(document), allow_nan=False, separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """What `dumps` was given, with lists for tuples."""
    marked = f'"{_KEY}"' in text if isinstance(text, str) else f'"{_KEY}"'.encode() in text
    return json.loads(text, object_hook=_number if marked else None)


def _named(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_KEY: repr(value)}
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    return value


def _number(found: dict[str, Any]) -> Any:
    return _NUMBERS[found[_KEY]] if found.keys() == {_KEY} else found
