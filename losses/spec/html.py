"""Losses as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape


def loss_html(formula: str, values: Mapping[str, object]) -> str:
    """A loss as HTML: its formula, then its parameters and the constants of its data as a table.

    Args:
        formula: In plain text.
        values: Parameters and constants by name.
    """
    return f"<div><code>{escape(formula)}</code>{table_html(values)}</div>"


def table_html(values: Mapping[str, object]) -> str:
    """Names and values as a table of two columns."""
    return f"<table>{''.join(_rows(values.items()))}</table>"


def _rows(items: Iterable[tuple[str, object]]) -> Iterable[str]:
    for name, value in items:
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        yield f'<tr><td style="text-align:left">{escape(name)}</td><td>{escape(shown)}</td></tr>'
