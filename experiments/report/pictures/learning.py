"""Learning curves: the metric on held-out data by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go

from ....search.records import CurvePoint
from ...results.search_document import SearchDocument
from ..picture import Picture
from ..style import ACCENT, OTHER, figure, legend_below
from ..table import Table, table

_BAND = "rgba(76,110,245,0.16)"
_OTHER_BAND = "rgba(130,138,147,0.16)"
_DASHES = ("solid", "dash", "dot", "dashdot")
_TRIALS = 300  # lines of either kind
_COLUMNS = 6  # epochs of the table, about


def _measured(document: SearchDocument) -> Mapping[str, tuple[CurvePoint, ...]]:
    """The curves that were measured after the verdict, where they have a point with a score."""
    curves = {} if document.insight is None else document.insight.curves
    return {label: kept for label, points in curves.items() if (kept := tuple(_scored(points)))}


def _scored(points: Sequence[CurvePoint]) -> Iterator[CurvePoint]:
    return (point for point in points if point.mean is not None)


def draw(document: SearchDocument) -> go.Figure | None:
    """The curves that were measured after the verdict, else the rungs that the trials passed.

    None where there are neither.
    """
    measured = _measured(document)
    traces = list(_bands(measured, document.decimals) if measured else _rungs(document))
    if not traces:
        return None
    made = figure(*traces, height=340)
    made.update_yaxes(title_text=document.task.metric)
    made.update_xaxes(title_text="epoch")
    return legend_below(made)


def _bands(curves: Mapping[str, Sequence[CurvePoint]], decimals: int) -> Iterator[go.Scatter]:
    for place, (label, points) in enumerate(curves.items()):
        first = place == 0
        x = [point.epoch for point in points]
        mean = [point.mean or 0.0 for point in points]
        sd = [point.sd or 0.0 for point in points]
        high = [m + s for m, s in zip(mean, sd, strict=True)]
        low = [m - s for m, s in zip(mean, sd, strict=True)]
        yield go.Scatter(
            x=[*x, *reversed(x)], y=[*high, *reversed(low)], mode="lines",
            fill="toself", fillcolor=_BAND if first else _OTHER_BAND, line={"width": 0},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        yield go.Scatter(
            x=x, y=mean, mode="lines", name=label,
            line={
                "color": ACCENT if first else OTHER, "width": 3 if first else 1.8,
                "dash": _DASHES[place % len(_DASHES)],
            },
            hovertemplate=f"epoch %{{x}}: %{{y:.{decimals}f}}<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip


def _rungs(document: SearchDocument) -> Iterator[go.Scatter]:
    """Every explored trial's scores at the rungs and at its end: the best tenth in colour."""
    ranked = [t for t in document.ranked() if t.phase == "explore" and t.rungs]
    pruned = [t for t in document.trials if t.state == "pruned" and t.rungs]
    top = max(1, len(ranked) // 10)
    groups = (
        (pruned[:_TRIALS], "pruned", "rgba(130,138,147,0.22)", 0.8),
        (ranked[top:_TRIALS], "complete", "rgba(130,138,147,0.5)", 0.9),
        (ranked[:top], "best tenth", ACCENT, 1.6),
    )
    for trials, name, colour, width in groups:
        x: list[float | None] = []
        y: list[float | None] = []
        for trial in trials:
            points = dict(trial.rungs)
            if trial.score is not None:
                points[trial.epochs] = trial.score
            for epoch, score in sorted(points.items()):
                x.append(epoch)
                y.append(score)
            x.append(None)
            y.append(None)
        if trials:
            yield go.Scatter(
                x=x,
                y=y,
                mode="lines+markers",
                name=name,
                line={"color": colour, "width": width},
                marker={"size": 4},
                hoverinfo="skip",
            )


def _alt(document: SearchDocument) -> str:
    return f"Curves of {document.task.metric} on held-out data by epoch. The table has the same numbers."


def _table(document: SearchDocument) -> Table:
    """The curves as numbers: those measured, or how many trials passed each rung."""
    n = document.decimals
    if measured := _measured(document):
        epochs = sorted({point.epoch for points in measured.values() for point in points})
        shown = epochs[:: max(1, len(epochs) // _COLUMNS)]
        by_label = {label: {p.epoch: p.mean for p in points} for label, points in measured.items()}
        rows = (
            (label, *(f"{means[epoch]:.{n}f}" if epoch in means else "" for epoch in shown))
            for label, means in by_label.items()
        )
        return table(("loss", *(f"epoch {epoch}" for epoch in shown)), rows)
    scores: dict[int, list[float]] = {}
    for trial in document.trials:
        for epoch, score in trial.rungs:
            if score is not None:
                scores.setdefault(epoch, []).append(score)
    return table(
        ("epoch", "trials that reached it", "lowest", "highest"),
        (
            (str(epoch), str(len(some)), f"{min(some):.{n}f}", f"{max(some):.{n}f}")
            for epoch, some in sorted(scores.items())
        ),
        words=(),
    )


PICTURE = Picture(
    "Learning curves",
    "behaviour",
    10,
    lambda _: "The metric on held-out data while training.",
    _alt,
    draw,
    _table,
)
