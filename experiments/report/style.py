"""How every picture looks: readable on white and on black, where the page colours text and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ..results.trial_row import TrialRow
from .table import escaped

# Each has at least 3:1 against white and against the dark page (tests/experiments/report/test_colours.py).
ACCENT = "#5472f6"
OTHER = "#828a93"
WARN = "#d9480f"
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ROW = 26  # pixels of a row of names


def figure(*traces: Any, height: int = 320, **layout: Any) -> go.Figure:
    """A picture in which nothing can be dragged, so that a finger scrolls the page.

    Args:
        *traces: What the picture shows, as Plotly's traces.
        height: The height of the picture in pixels, margins included.
        **layout: Properties of Plotly's layout that replace the usual ones.
    """
    made = go.Figure(list(traces))
    made.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 12, "t": 8, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": SANS, "size": 13, "color": OTHER},
        hoverlabel={"font": {"family": SANS, "size": 13}},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        showlegend=False,
        dragmode=False,
    )
    lines = {"gridcolor": "rgba(128,138,147,0.22)", "zerolinecolor": "rgba(128,138,147,0.55)"}
    common = {**lines, "fixedrange": True, "automargin": True, "zerolinewidth": 1, "ticklen": 4}
    common |= {"tickcolor": "rgba(0,0,0,0)", "title_font_size": 13}
    made.update_xaxes(title_standoff=10, **common)
    made.update_yaxes(title_standoff=6, **common)
    made.update_layout(**layout)
    return made


def rows_height(count: int, *, lines: int = 1) -> int:
    """The height in pixels of a picture with a row for each name.

    Args:
        count: The number of rows.
        lines: The largest number of lines that a name takes.
    """
    return 78 + (ROW + 10 * (lines - 1)) * max(count, 2)


def broken(name: str) -> str:
    """The name of a loss on lines that a phone has room for beside a picture."""
    return escaped(name).replace(" = ", "<br>= ").replace(" + ", "<br>+ ")


def legend_below(made: go.Figure) -> go.Figure:
    """The same picture with its legend under the axis, where it may be as long as it likes."""
    return made.update_layout(
        showlegend=True, margin_b=8, legend={"y": -0.24, "yanchor": "top", "font": {"size": 12}}
    )


def worth_seeing(trials: Sequence[TrialRow], sign: int) -> list[float]:
    """The range of scores, lowest first, in which the better half of the trials is told apart.

    A few trials that failed do not squeeze the range.

    Args:
        trials: The trials of a picture, of which one at least has a score.
        sign: 1 where more of the metric is better, -1 where less is.
    """
    ordered = sorted((t.score for t in trials if t.score is not None), key=lambda score: -sign * score)
    best, middle, worst = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    reach = min(abs(best - worst), 3 * abs(best - middle) or abs(best - worst)) or 1e-3
    return sorted([best + 0.08 * sign * reach, best - 1.06 * sign * reach])
