"""How much a loss can matter here: how far apart losses are, beside what chance does."""

from __future__ import annotations

from textwrap import wrap

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ..headroom_words import distances, headroom_words
from ..picture import Picture
from ..style import ACCENT, OTHER, figure
from ..table import Table, escaped, table

_ROW, WIDTH = 58, 50  # pixels of a bar with its name above it, and the characters of a line of that


def draw(document: SearchDocument) -> go.Figure | None:
    """A bar for each distance, its name above it: a phone has room for that. None without a comparison."""
    rows, n = distances(document), document.decimals
    if not rows:
        return None
    bars = go.Bar(
        x=[row.value for row in rows],
        y=list(range(len(rows))),
        orientation="h",
        width=0.3,
        marker_color=[OTHER, *[ACCENT] * (len(rows) - 1)],
        hovertemplate=f"%{{x:+.{n}f}}<extra></extra>",
    )
    made = figure(bars, height=56 + _ROW * len(rows))
    made.update_yaxes(range=[len(rows) - 0.6, -0.75], visible=False)
    made.update_xaxes(title_text=f"ahead by, in {document.task.metric}", rangemode="tozero", nticks=5)
    for place, row in enumerate(rows):
        name = "<br>".join(wrap(escaped(f"{row.name}: {row.value:.{n}f}"), WIDTH))
        made.add_annotation(
            x=0, xref="paper", y=place, yshift=8, text=name,
            xanchor="left", yanchor="bottom", showarrow=False, font={"size": 12}, borderpad=0,
        )  # fmt: skip
    return made


def _table(document: SearchDocument) -> Table:
    n = document.decimals
    return table(
        ("difference", f"in {document.task.metric}"),
        ((row.name, f"{row.value:.{n}f}") for row in distances(document)),
    )


PICTURE = Picture(
    "How much a loss can matter here",
    "search",
    5,
    headroom_words,
    lambda document: f"Bars, one for each difference. {headroom_words(document)}",
    draw,
    _table,
)
