"""What was stopped before its end."""

from __future__ import annotations

from collections import Counter

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ..picture import Picture
from ..style import OTHER, WARN, figure, legend_below
from ..table import Table, table


def draw(document: SearchDocument) -> go.Figure | None:
    """How many explored trials were dropped at each epoch, and how many diverged; None where none was."""
    explored = [t for t in document.trials if t.phase == "explore" and t.state != "complete"]
    if not explored:
        return None
    epochs = sorted({trial.epochs for trial in explored})
    traces = [
        go.Bar(
            x=[str(epoch) for epoch in epochs],
            y=[sum(t.state == state and t.epochs == epoch for t in explored) for epoch in epochs],
            name=state,
            marker_color=colour,
            hovertemplate="epoch %{x}: %{y} " + state + "<extra></extra>",
        )
        for state, colour in (("pruned", OTHER), ("diverged", WARN))
        if any(trial.state == state for trial in explored)
    ]
    made = figure(*traces, height=220, barmode="stack", yaxis_title_text="trials")
    made.update_xaxes(title_text="stopped at epoch", type="category")
    return legend_below(made).update_layout(legend_y=-0.4, bargap=0.65)


def _alt(document: SearchDocument) -> str:
    counts = document.counts
    return f"Bars by epoch: {counts['pruned']} trials were pruned and {counts['diverged']} diverged."


def _table(document: SearchDocument) -> Table:
    """Why trials did not run to their end: pruned at which epoch, diverged for which reason."""
    stopped: Counter[tuple[str, str]] = Counter()
    for trial in document.trials:
        why = (trial.reason or "unknown").partition(" at ")[0]
        if trial.state == "pruned":
            stopped["pruned", f"behind the others at epoch {trial.epochs}"] += 1
        elif trial.state == "diverged":
            stopped["diverged", why] += 1
        elif trial.state == "rejected":
            stopped["rejected", why.partition(":")[0]] += 1
    rows = ((state, why, str(count)) for (state, why), count in sorted(stopped.items()))
    return table(("state", "why", "trials"), rows, words=(0, 1))


PICTURE = Picture(
    "What was stopped early",
    "search",
    40,
    lambda _: (
        "At a rung the trials that are behind on the metric are pruned; one whose loss or weights stop "
        "being numbers, or that predicts a single answer, has diverged and counts as bad."
    ),
    _alt,
    draw,
    _table,
)
