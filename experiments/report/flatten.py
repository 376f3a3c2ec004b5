"""Rows of a name and a text, and values as text."""

from __future__ import annotations

from typing import Any

Rows = list[tuple[str, str]]


def plain(value: Any) -> str:
    """A value as text: six digits of a number, yes or no, nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
