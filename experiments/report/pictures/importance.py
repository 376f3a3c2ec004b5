"""Which parameters matter for the score."""

from __future__ import annotations

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ..picture import Picture
from ..style import ACCENT, OTHER, figure, rows_height
from ..table import Table, table

SHOWN = 15  # parameters, the most important ones


def _shares(document: SearchDocument) -> list[tuple[str, float]]:
    """The parameters with their shares, the largest first."""
    shares = {} if document.insight is None else document.insight.importance
    return sorted(shares.items(), key=lambda item: -item[1])


def draw(document: SearchDocument) -> go.Figure | None:
    """The share of each parameter in how much scores vary over the trials; None where it was not measured."""
    rows = _shares(document)[:SHOWN]
    if not rows:
        return None
    bars = go.Bar(
        x=[share for _, share in rows],
        y=[name for name, _ in rows],
        orientation="h",
        marker_color=[ACCENT if place == 0 else OTHER for place in range(len(rows))],
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    made = figure(bars, height=rows_height(len(rows)), yaxis_autorange="reversed", bargap=0.4)
    made.update_xaxes(
        title_text="share of the variation<br>of the score", tickformat=".0%", rangemode="tozero"
    )
    return made


def _alt(document: SearchDocument) -> str:
    name, share = _shares(document)[0]
    return f"Bars, one for each parameter. The largest is {name} with {share:.0%}."


def _table(document: SearchDocument) -> Table:
    return table(("parameter", "share"), ((name, f"{share:.1%}") for name, share in _shares(document)))


PICTURE = Picture(
    "Which parameters matter",
    "behaviour",
    40,
    lambda _: "The share of each parameter in how much the trials' scores differ.",
    _alt,
    draw,
    _table,
)
