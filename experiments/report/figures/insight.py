"""What was measured about the winner after the verdict: its parts, its parameters, its surroundings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from .style import ACCENT, OTHER, figure, rows_height


def importance(document: Mapping[str, Any]) -> go.Figure | None:
    """The share of each parameter in how much scores vary over the trials; None where it was not measured."""
    shares = (document.get("insight") or {}).get("importance")
    if not shares:
        return None
    rows = sorted(shares.items(), key=lambda item: -item[1])[:15]
    bars = go.Bar(
        x=[share for _, share in rows],
        y=[name for name, _ in rows],
        orientation="h",
        marker_color=[ACCENT if place == 0 else OTHER for place in range(len(rows))],
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    made = figure(bars, height=rows_height(len(rows)), yaxis_autorange="reversed", bargap=0.4)
    made.update_xaxes(title_text="share of the variation of the score", tickformat=".0%", rangemode="tozero")
    return made


def ablation(document: Mapping[str, Any]) -> go.Figure | None:
    """What the score loses when one part of the winner is switched off, with 95% intervals."""
    parts = (document.get("insight") or {}).get("ablation")
    if not parts:
        return None
    clear = [row["ci_low"] * row["ci_high"] > 0 for row in parts]
    points = go.Scatter(
        x=[row["difference"] for row in parts],
        y=[row["part"] for row in parts],
        mode="markers",
        marker={"size": 9, "color": [ACCENT if seen else OTHER for seen in clear]},
        error_x={
            "array": [row["ci_high"] - row["difference"] for row in parts],
            "arrayminus": [row["difference"] - row["ci_low"] for row in parts],
            "color": OTHER, "thickness": 1.5, "width": 0,
        },
        hovertemplate="without %{y}: %{x:+.4f}<extra></extra>",
    )  # fmt: skip
    made = figure(points, height=rows_height(len(parts)), yaxis_autorange="reversed")
    made.update_xaxes(
        title_text=f"{document['task']['metric']}, with the part minus without", zerolinewidth=2
    )
    return made


def sensitivity(document: Mapping[str, Any]) -> go.Figure | None:
    """The score as one parameter moves and the others stay, a panel each; None where it was not measured."""
    found = (document.get("insight") or {}).get("sensitivity")
    if not found:
        return None
    panels = list(found.items())
    made = figure(height=44 + 150 * len(panels))
    gap = 0.36 / max(len(panels), 1)
    each = (1 + gap) / len(panels) - gap
    layout: dict[str, Any] = {}
    for place, (name, points) in enumerate(panels):
        axis = "" if place == 0 else str(place + 1)
        top = 1 - place * (each + gap)
        values = [p["value"] for p in points]
        log = min(values) > 0 and max(values) / min(values) > 20
        made.add_scatter(
            x=values,
            y=[p["score"] for p in points],
            error_y={"array": [p.get("sd") or 0 for p in points], "color": OTHER, "thickness": 1, "width": 0},
            mode="lines+markers", line={"color": ACCENT, "width": 2}, name=name,
            xaxis=f"x{axis}", yaxis=f"y{axis}",
            hovertemplate="%{x:.3g}: %{y:.4f}<extra></extra>",
        )  # fmt: skip
        frame = made.layout.xaxis.to_plotly_json()
        layout[f"xaxis{axis}"] = {
            **frame, "anchor": f"y{axis}", "type": "log" if log else "linear", "nticks": 5,
            "title": {"text": name.replace("<", "&lt;"), "standoff": 4},
        }  # fmt: skip
        layout[f"yaxis{axis}"] = {
            **made.layout.yaxis.to_plotly_json(), "anchor": f"x{axis}",
            "domain": [max(0.0, top - each), min(1.0, top)], "nticks": 4,
        }  # fmt: skip
    made.update_layout(**layout)
    return made


def rounded(value: float | None, digits: int = 4) -> str:
    """A number for a table; nothing for what is not one."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
