"""A kept document as rows of a table: a name and a text for each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Rows = list[tuple[str, str]]


def flat(document: Any, prefix: str = "") -> Rows:
    """A document as rows, a name for each value: for what other parts of lossmith have kept."""
    rows: Rows = []
    for key, value in document.items() if isinstance(document, Mapping) else ():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{name}: ")
        elif isinstance(value, list):
            rows.append((name, ", ".join(plain(v) for v in value[:12])))
        elif value is not None:
            rows.append((name, plain(value)))
    return rows


def plain(value: Any) -> str:
    """A value as text: six digits of a number, yes or no, nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
