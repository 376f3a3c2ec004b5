"""Losses as notebooks show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from .formulas import formula
from .loss_spec import LossSpec


def spec_html(spec: LossSpec) -> str:
    """A loss as HTML: its formula, its parameters and the constants of its data."""
    constants = {
        name: value
        for name in ("class_counts", "target_scale", "ignore_index")
        if (value := getattr(spec, name)) is not None
    }
    return f"<div><code>{escape(formula(spec))}</code>{table_html({**spec.parameters, **constants})}</div>"


def table_html(values: Mapping[str, object]) -> str:
    """Names and values as a table of two columns."""
    return f"<table>{''.join(_rows(values.items()))}</table>"


def _rows(items: Iterable[tuple[str, object]]) -> Iterable[str]:
    for name, value in items:
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        yield f'<tr><td style="text-align:left">{escape(name)}</td><td>{escape(shown)}</td></tr>'
