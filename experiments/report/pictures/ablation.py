"""What each part of the winner earns."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

from ....search.records import Ablation
from ...results.search_document import SearchDocument
from ..picture import Picture
from ..style import ACCENT, OTHER, figure, rows_height
from ..table import Table, table


def _parts(document: SearchDocument) -> list[Ablation]:
    """What each part earns, better counted positive whichever way the metric goes."""
    found = () if document.insight is None else document.insight.ablation
    if document.sign > 0:
        return list(found)
    return [replace(r, difference=-r.difference, ci_low=-r.ci_high, ci_high=-r.ci_low) for r in found]


def draw(document: SearchDocument) -> go.Figure | None:
    """What the score loses when one part of the winner is switched off, with 95% intervals."""
    parts = _parts(document)
    if not parts:
        return None
    clear = [row.ci_low * row.ci_high > 0 for row in parts]
    points = go.Scatter(
        x=[row.difference for row in parts],
        y=[row.part for row in parts],
        mode="markers",
        marker={"size": 9, "color": [ACCENT if seen else OTHER for seen in clear]},
        error_x={
            "array": [row.ci_high - row.difference for row in parts],
            "arrayminus": [row.difference - row.ci_low for row in parts],
            "color": OTHER, "thickness": 1.5, "width": 0,
        },
        hovertemplate=f"without %{{y}}: %{{x:+.{document.decimals}f}}<extra></extra>",
    )  # fmt: skip
    made = figure(points, height=rows_height(len(parts)), yaxis_autorange="reversed")
    made.update_xaxes(
        title_text=f"better by,<br>in {document.task.metric}, for having the part", zerolinewidth=2
    )
    return made


def _alt(document: SearchDocument) -> str:
    row, n = max(_parts(document), key=lambda row: abs(row.difference)), document.decimals
    return f"Differences with intervals, one row a part. The largest is {row.part}: {row.difference:+.{n}f}."


def _table(document: SearchDocument) -> Table:
    n = document.decimals
    rows = (
        (row.part, f"{row.difference:+.{n}f}", f"{row.ci_low:+.{n}f} to {row.ci_high:+.{n}f}", row.formula)
        for row in _parts(document)
    )
    return table(("without", "it earns", "95% interval", "what is left"), rows, words=(0, 3))


PICTURE = Picture(
    "What each part earns",
    "behaviour",
    20,
    lambda document: f"{document.examined} against itself with one part switched off, all else as it was.",
    _alt,
    draw,
    _table,
)
