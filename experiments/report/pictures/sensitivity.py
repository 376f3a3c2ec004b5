"""The score around the winner, a panel for each parameter that was moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ....search.records import Moved
from ...results.search_document import SearchDocument
from ..picture import Picture
from ..style import ACCENT, OTHER, figure
from ..table import Table, escaped, table

_WIDE = 20  # from this ratio on between the largest and the smallest value an axis is logarithmic


def _found(document: SearchDocument) -> Mapping[str, tuple[Moved, ...]]:
    return {} if document.insight is None else document.insight.sensitivity


def draw(document: SearchDocument) -> go.Figure | None:
    """The score as one parameter moves and the others stay, a panel each; None where it was not measured."""
    panels = list(_found(document).items())
    if not panels:
        return None
    made = figure(height=44 + 150 * len(panels))
    gap = 0.36 / len(panels)
    each = (1 + gap) / len(panels) - gap
    layout: dict[str, Any] = {}
    for place, (name, points) in enumerate(panels):
        axis = "" if place == 0 else str(place + 1)
        top = 1 - place * (each + gap)
        values = [point.value for point in points]
        log = min(values) > 0 and max(values) / min(values) > _WIDE
        made.add_scatter(
            x=values,
            y=[point.score for point in points],
            error_y={"array": [p.sd or 0 for p in points], "color": OTHER, "thickness": 1, "width": 0},
            mode="lines+markers", line={"color": ACCENT, "width": 2}, name=name,
            xaxis=f"x{axis}", yaxis=f"y{axis}",
            hovertemplate=f"%{{x:.3g}}: %{{y:.{document.decimals}f}}<extra></extra>",
        )  # fmt: skip
        layout[f"xaxis{axis}"] = {
            **made.layout.xaxis.to_plotly_json(), "anchor": f"y{axis}",
            "type": "log" if log else "linear", "nticks": 5,
            "title": {"text": escaped(name), "standoff": 4, "font": {"size": 13}},
        }  # fmt: skip
        layout[f"yaxis{axis}"] = {
            **made.layout.yaxis.to_plotly_json(), "anchor": f"x{axis}",
            "domain": [max(0.0, top - each), min(1.0, top)], "nticks": 4,
        }  # fmt: skip
    made.update_layout(**layout)
    return made


def _alt(document: SearchDocument) -> str:
    names = ", ".join(_found(document))
    return f"The score as one parameter moves and the others stay as they are, for {names}."


def _table(document: SearchDocument) -> Table:
    n = document.decimals
    rows = (
        (name, f"{p.value:.4g}", f"{p.score:.{n}f}", "" if p.sd is None else f"{p.sd:.{n}f}")
        for name, points in _found(document).items()
        for p in points
    )
    return table(("parameter", "value", "score", "sd"), rows)


PICTURE = Picture(
    "Around the searched loss",
    "behaviour",
    30,
    lambda document: (
        f"{document.examined} with one parameter moved and the others as they are: a flat curve means that "
        "its exact value does not matter."
    ),
    _alt,
    draw,
    _table,
)
