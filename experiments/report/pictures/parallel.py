"""Parallel coordinates: the trials by their parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ...results.trial_row import RATE, TrialRow
from ..picture import Picture
from ..style import ACCENT, figure, legend_below
from ..table import escaped
from .history import best_trials

SHOWN = 400  # lines: the best, and an even sample of the others
AXES = 12  # parameters: those that most trials have
_BEST_SHARE = 0.1
_OFF = -0.16  # where on a row a loss stands that does not have its parameter


def axes(document: SearchDocument) -> list[str]:
    """The parameters that the searched trials vary: the learning rate, then the most frequent ones."""
    searched = [t for t in document.trials if t.phase == "explore" and not t.standard]
    count: dict[str, int] = {}
    for trial in searched:
        for name in trial.params:
            count[name] = count.get(name, 0) + 1
    values = {name: {t.params.get(name) for t in searched} for name in count}
    varied = [name for name in count if len(values[name] - {None}) > 1]
    varied.sort(key=lambda name: (name != RATE, -count[name], name))
    return varied[:AXES]


def draw(document: SearchDocument) -> go.Figure | None:
    """Parallel coordinates, a row a parameter and the score below: the best tenth and the winner stand out.

    A line runs through "off", left of the row, where the loss does not have the parameter. None where fewer
    than two searched trials are complete, or nothing varies. The rows lie, so that a phone has room for them.
    """
    names = axes(document)
    ranked = [t for t in document.ranked() if t.phase == "explore" and not t.standard]
    if len(ranked) < 2 or not names:
        return None
    top = max(1, round(_BEST_SHARE * len(ranked)))
    rest = ranked[top:]
    stride = max(1, math.ceil(len(rest) / max(1, SHOWN - top)))
    metric = document.task.metric
    rows = [*names, metric]
    shown = [*ranked[:top], *rest[::stride]]
    scales = {name: _scale([_value(t, name, metric) for t in shown], log=name == RATE) for name in rows}

    def lines(some: Sequence[TrialRow], label: str, colour: str, width: float) -> go.Scatter:
        x: list[float | None] = []
        y: list[float | None] = []
        for trial in some:
            for row, name in enumerate(rows):
                value = _value(trial, name, metric)
                x.append(_OFF if value is None else _place(value, scales[name]))
                y.append(row)
            x.append(None)
            y.append(None)
        return go.Scatter(
            x=x, y=y, mode="lines+markers", name=label, line={"color": colour, "width": width},
            marker={"size": 2 * width + 1}, hoverinfo="skip",
        )  # fmt: skip

    traces = [lines(rest[::stride], "other trials", "rgba(130,138,147,0.28)", 0.8)]
    traces.append(lines(ranked[:top], "best tenth", "rgba(76,110,245,0.55)", 1.2))
    winner = _winner(document, ranked)
    if winner is not None:
        traces.append(lines([winner], "winner", ACCENT, 3.2))
    made = figure(*traces, height=70 + 46 * len(rows))
    made.update_xaxes(range=[_OFF - 0.05, 1.03], visible=False)
    made.update_yaxes(range=[len(rows) - 0.5, -0.75], visible=False)
    for row, name in enumerate(rows):
        low, high, _ = scales[name]
        made.add_shape(
            type="line", x0=0, x1=1, y0=row, y1=row, layer="below",
            line={"color": "rgba(130,138,147,0.5)", "width": 1},
        )  # fmt: skip
        for x, text, anchor in (
            (0, escaped(name.removeprefix("recipe.")), "left"),
            (1, f"{low:.3g} to {high:.3g}", "right"),
            *([] if row else [(_OFF, "off", "center")]),
        ):
            made.add_annotation(
                x=x, y=row, text=text, xanchor=anchor, yanchor="bottom", yshift=5, showarrow=False,
                font={"size": 11.5}, bgcolor="rgba(0,0,0,0)", borderpad=1,
            )  # fmt: skip
    return legend_below(made).update_layout(legend_y=0)


def _winner(document: SearchDocument, ranked: Sequence[TrialRow]) -> TrialRow | None:
    if document.verdict is None:
        return None
    return next((t for t in ranked if t.number == document.verdict.winner.number), None)


def _value(trial: TrialRow, name: str, metric: str) -> float | None:
    return trial.score if name == metric else trial.params.get(name)


def _scale(values: Sequence[float | None], *, log: bool) -> tuple[float, float, bool]:
    there = [value for value in values if value is not None]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)
    return low, high, log and low > 0


def _place(value: float, scale: tuple[float, float, bool]) -> float:
    """Where on its row a value stands, from 0 to 1."""
    low, high, log = scale
    if high <= low:
        return 0.5
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


PICTURE = Picture(
    "The trials by their parameters",
    "search",
    30,
    lambda _: (
        "A line is a trial and a row a parameter; where its loss does not have the parameter, a line "
        "passes through off, on the left. The last row is the score."
    ),
    lambda _: (
        "Each line is a trial; its place on a row is the value of that parameter, and on the last row "
        "its score. The table lists the best trials."
    ),
    draw,
    best_trials,
)
