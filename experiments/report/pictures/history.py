"""The trials of a search as they came."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ...results.trial_row import TrialRow
from ..picture import Picture
from ..style import ACCENT, OTHER, figure, legend_below, worth_seeing
from ..table import Table, table

BEST = 12  # trials of the table
_FORMULA = 80  # characters of a formula that are shown at a point


def draw(document: SearchDocument) -> go.Figure | None:
    """Every complete trial's score by number, and the best so far; None without a complete trial."""
    whole = sorted(document.ranked(), key=lambda trial: trial.number)
    if not whole:
        return None
    sign, best, line, n = document.sign, -math.inf, [], document.decimals
    for trial in whole:
        best = max(best, sign * (trial.score or 0.0))
        line.append(sign * best)
    traces = [
        _points([t for t in whole if t.standard], "standard losses", OTHER, "circle-open", n),
        _points([t for t in whole if not t.standard], "searched losses", ACCENT, "circle", n),
        go.Scatter(
            x=[trial.number for trial in whole],
            y=line,
            mode="lines",
            name="best so far",
            line={"color": ACCENT, "width": 1.5, "shape": "hv"},
            hoverinfo="skip",
        ),
    ]
    made = legend_below(figure(*traces, yaxis_title_text=document.task.metric))
    made.update_xaxes(title_text="trial", zeroline=False)
    made.update_yaxes(range=worth_seeing(whole, sign))
    return made


def _points(some: Sequence[TrialRow], name: str, colour: str, symbol: str, decimals: int) -> go.Scatter:
    return go.Scatter(
        x=[trial.number for trial in some],
        y=[trial.score for trial in some],
        text=[trial.standard or trial.formula[:_FORMULA] for trial in some],
        mode="markers",
        name=name,
        marker={"color": colour, "size": 6, "symbol": symbol, "opacity": 0.75},
        hovertemplate=f"trial %{{x}}: %{{y:.{decimals}f}}<br>%{{text}}<extra></extra>",
    )


def _alt(document: SearchDocument) -> str:
    whole = document.ranked()
    return (
        f"The scores of {len(whole)} complete trials by number; the best is trial {whole[0].number} with "
        f"{whole[0].score:.{document.decimals}f}."
    )


def best_trials(document: SearchDocument) -> Table:
    """The best complete trials, on validation data."""
    n = document.decimals
    rows = (
        (str(t.number), t.standard or "searched", f"{t.score:.{n}f}", f"{t.learning_rate:.3g}", t.formula)
        for t in document.ranked()[:BEST]
    )
    return table(("trial", "kind", "score", "learning rate", "loss"), rows, words=(1, 4))


PICTURE = Picture(
    "The trials as they came",
    "search",
    20,
    lambda _: (
        "Scores on validation data. The best one was also lucky, which is why the best trials race again "
        "on fresh seeds before any is named."
    ),
    _alt,
    draw,
    best_trials,
)
