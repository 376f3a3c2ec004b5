"""The verdict as a picture: by how much the winner beats every standard loss, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ...results.challenger import challenger_row
from .style import ACCENT, OTHER, figure, rows_height

Comparison = Mapping[str, Any]


def comparisons(document: Mapping[str, Any]) -> list[tuple[str, Comparison]]:
    """The losses the winner was compared with, by name, the strongest first.

    Standard losses that are one loss share a row.
    """
    verdict = document["verdict"]
    sign = 1 if verdict["greater_is_better"] else -1
    rows: dict[tuple[float, float], list[str]] = {}
    by_key: dict[tuple[float, float], Comparison] = {}
    for name, row in verdict["against"].items():
        if name == verdict["winner"]["standard"]:
            continue
        key = (row["mean"], row["learning_rate"])
        rows.setdefault(key, []).append(name)
        by_key[key] = row
    found = [(" = ".join(names), by_key[key]) for key, names in rows.items()]
    if (searched := challenger_row(verdict)) is not None:
        found.append(("best searched loss", searched))
    return sorted(found, key=lambda item: -sign * item[1]["mean"])


def verdict(document: Mapping[str, Any]) -> go.Figure | None:
    """Paired differences on test data with 95% intervals; None before the verdict."""
    if document.get("verdict") is None:
        return None
    said, rows = document["verdict"], comparisons(document)
    sign = 1 if said["greater_is_better"] else -1
    clear = [sign * (row["ci_low"] if sign > 0 else row["ci_high"]) > 0 for _, row in rows]
    names = [name.replace(" = ", "<br>= ") for name, _ in rows]
    differences = [row["difference"] for _, row in rows]
    reach = _reach(rows)
    near = [abs(difference) <= reach for difference in differences]
    points = go.Scatter(
        x=[max(-reach, min(reach, difference)) for difference in differences],
        y=names,
        mode="markers+text",
        text=["" if seen else f"{d:+.3g} " for d, seen in zip(differences, near, strict=True)],
        textposition=["middle left" if d > 0 else "middle right" for d in differences],
        marker={
            "size": 9,
            "color": [ACCENT if won else OTHER for won in clear],
            "symbol": [
                "circle" if seen else "triangle-right" if d > 0 else "triangle-left"
                for d, seen in zip(differences, near, strict=True)
            ],
        },
        error_x={
            "array": [
                seen * (row["ci_high"] - row["difference"]) for (_, row), seen in zip(rows, near, strict=True)
            ],
            "arrayminus": [
                seen * (row["difference"] - row["ci_low"]) for (_, row), seen in zip(rows, near, strict=True)
            ],
            "color": OTHER,
            "thickness": 2,
            "width": 0,
        },
        customdata=[[row["difference"], row["ci_low"], row["ci_high"], row["mean"]] for _, row in rows],
        hovertemplate="%{y}<br>difference %{customdata[0]:+.4f} [%{customdata[1]:+.4f}, "
        "%{customdata[2]:+.4f}]<br>its mean %{customdata[3]:.4f}<extra></extra>",
    )
    made = figure(
        points,
        height=rows_height(len(rows), double=any("<br>" in name for name in names)),
        yaxis_autorange="reversed",
        xaxis_title_text=f"difference in {said['metric']}",
    )
    made.update_xaxes(zerolinewidth=2, rangemode="tozero", nticks=6)
    margin = said.get("margin")
    if isinstance(margin, int | float) and margin > 0:
        made.add_vrect(x0=-margin, x1=margin, fillcolor=OTHER, opacity=0.12, line_width=0, layer="below")
    return made


def _reach(rows: list[tuple[str, Comparison]]) -> float:
    """How far the axis goes: a loss that failed stands at its edge, so that the others are told apart."""
    ends = sorted(max(abs(row["ci_low"]), abs(row["ci_high"])) for _, row in rows)
    return min(ends[-1], 2 * ends[len(ends) // 2]) if ends else 1.0
