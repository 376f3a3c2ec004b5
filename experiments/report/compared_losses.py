"""The winner as curves, beside cross entropy (squared error for regression) and the best standard loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Literal

import plotly.graph_objects as go

from ...losses import UserError, standard_spec
from ...losses.kinds import kind_named
from ..results.search_document import SearchDocument
from .loss_curves import Curve, curves
from .style import ACCENT, OTHER, figure, legend_below
from .table import Table, escaped, table

PLOT, ROW, LEGEND_WIDTH = 300, 18, 34  # pixels of the curves, of a line of the legend, and its characters
_DASHES = ("solid", "dot")
_PLACES = (20, 40, 60, 80, 100)  # of a curve's points: those that the table has


def compared(document: SearchDocument) -> dict[str, list[Curve]]:
    """The curves by what their loss is called, the winner first."""
    verdict = document.verdict
    if verdict is None:
        return {}
    winner, name = verdict.winner.loss.bind(), verdict.winner.standard
    losses = {f"{name} (winner)" if name else "winner": winner}
    usual = kind_named(document.task.kind).usual_loss
    if name != usual:
        losses[usual] = standard_spec(usual, winner.kind).bind(winner.class_counts, winner.target_scale)
    best = verdict.best_standard
    if best.standard not in (name, usual):
        losses[f"{best.standard} (best standard)"] = best.loss.bind()
    found = {}
    for label, spec in losses.items():
        try:
            lines = curves(spec)
        except UserError:  # a loss that is bound to nothing: an older search
            continue
        if lines:
            found[label] = lines
    return found if any(label.endswith("winner") or "(winner)" in label for label in found) else {}


def named(label: str, curve: Curve) -> str:
    """The name of a curve: the loss, the samples, and how often each of them counts if not once.

    Args:
        label: The name of the loss, as of `compared`.
        curve: A curve of that loss, for samples of one case.
    """
    counts = "" if math.isclose(curve.weight, 1, rel_tol=0.01) else f" (counts {curve.weight:.2g} times)"
    return f"{label}, {curve.case}{counts}" if curve.case else label


def draw(document: SearchDocument, what: Literal["loss", "pull"]) -> go.Figure | None:
    """The curves as a picture; None where there is no verdict or no loss of a single sample.

    Args:
        document: The search whose verdict names the losses.
        what: The field of `Curve` that is drawn.
    """
    found = compared(document)
    if not found:
        return None
    lines = list(_lines(found, what))
    rows = sum(1 + line.name.count("<br>") for line in lines)
    made = legend_below(figure(*lines, height=PLOT + ROW * rows)).update_layout(legend_orientation="v")
    made.update_layout(legend_y=-62 / (PLOT - 62))  # below the title of the axis, whatever the height
    if not kind_named(document.task.kind).classified:
        made.update_xaxes(title_text="residual, in units of the targets' spread")
    else:
        made.update_xaxes(
            title_text="probability of the true class",
            tickvals=[-4.595, -2.197, 0, 2.197, 4.595],
            ticktext=["1%", "10%", "50%", "90%", "99%"],
        )
    if what == "loss":
        made.update_yaxes(rangemode="tozero")
    return made


def values(document: SearchDocument) -> Table:
    """Loss and pull at a few places."""
    found = compared(document)
    regression = not kind_named(document.task.kind).classified
    what = (("loss", "loss"), ("slope" if regression else "pull", "pull"))
    rows = (
        (f"{word}: {named(label, curve)}", *(f"{getattr(curve, field)[place]:.3f}" for place in _PLACES))
        for label, lines in found.items()
        for curve in lines
        for word, field in what
    )
    marks = [next(iter(found.values()))[0].x[place] for place in _PLACES]
    head = [f"r = {x:g}" if regression else f"p = {1 / (1 + math.exp(-x)):.1%}" for x in marks]
    return table(("", *head), rows)


def _lines(found: Mapping[str, list[Curve]], what: Literal["loss", "pull"]) -> Iterator[go.Scatter]:
    for place, (label, lines) in enumerate(found.items()):
        for dash, curve in zip(_DASHES, lines, strict=False):
            yield go.Scatter(
                x=curve.x,
                y=curve.loss if what == "loss" else curve.pull,
                mode="lines",
                name="<br>".join(wrap(escaped(named(label, curve)), LEGEND_WIDTH)),
                line={
                    "color": ACCENT if place == 0 else OTHER,
                    "width": 3 if place == 0 else 1.6,
                    "dash": dash if place == 0 or dash != "solid" else ("solid", "dash", "dashdot")[place],
                },
                hovertemplate="%{y:.3f}<extra>%{fullData.name}</extra>",
            )
