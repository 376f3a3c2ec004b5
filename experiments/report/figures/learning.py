"""How losses were learned with: the metric on held-out data by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from .style import ACCENT, OTHER, figure, legend_below
from .trials import complete

_BAND = "rgba(76,110,245,0.16)"
_OTHER_BAND = "rgba(130,138,147,0.16)"
_DASHES = ("solid", "dash", "dot", "dashdot")


def learning(document: Mapping[str, Any]) -> go.Figure | None:
    """The curves that were measured after the verdict, else the rungs that the trials passed.

    None where there are neither.
    """
    measured = (document.get("insight") or {}).get("curves")
    made = _measured(measured) if measured else _rungs(document)
    if made is not None:
        made.update_yaxes(title_text=document["task"]["metric"])
        made.update_xaxes(title_text="epoch")
        legend_below(made)
    return made


def _measured(curves: Mapping[str, Any]) -> go.Figure:
    traces = []
    for place, (label, points) in enumerate(curves.items()):
        first = place == 0
        x = [p["epoch"] for p in points]
        mean = [p["mean"] for p in points]
        sd = [p.get("sd") or 0.0 for p in points]
        band = go.Scatter(
            x=[*x, *reversed(x)],
            y=[*(m + s for m, s in zip(mean, sd, strict=True)),
               *(m - s for m, s in reversed(list(zip(mean, sd, strict=True))))],
            fill="toself", fillcolor=_BAND if first else _OTHER_BAND, line={"width": 0},
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
        line = go.Scatter(
            x=x, y=mean, mode="lines", name=label,
            line={
                "color": ACCENT if first else OTHER, "width": 3 if first else 1.8,
                "dash": _DASHES[place % len(_DASHES)],
            },
            hovertemplate="epoch %{x}: %{y:.4f}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        traces += [band, line]
    return figure(*traces, height=340)


def _rungs(document: Mapping[str, Any]) -> go.Figure | None:
    """Every explored trial's scores at the rungs and at its end: the best tenth in colour."""
    ranked = [t for t in complete(document) if t["phase"] == "explore" and t.get("rungs")]
    pruned = [t for t in document["trials"] if t["state"] == "pruned" and t.get("rungs")]
    if not ranked and not pruned:
        return None
    top = max(1, len(ranked) // 10)
    groups = (
        (pruned[:300], "pruned", "rgba(130,138,147,0.22)", 0.8),
        (ranked[top:300], "complete", "rgba(130,138,147,0.5)", 0.9),
        (ranked[:top], "best tenth", ACCENT, 1.6),
    )
    traces = []
    for trials, name, colour, width in groups:
        x: list[float | None] = []
        y: list[float | None] = []
        for trial in trials:
            points = dict(map(tuple, trial["rungs"]))
            if trial["score"] is not None:
                points[trial["epochs"]] = trial["score"]
            for epoch, score in sorted(points.items()):
                x.append(epoch)
                y.append(score)
            x.append(None)
            y.append(None)
        if trials:
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    mode="lines+markers",
                    name=name,
                    line={"color": colour, "width": width},
                    marker={"size": 4},
                    hoverinfo="skip",
                )
            )
    return figure(*traces, height=340)
