"""The verdict as a picture: by how much the winner leads every loss it was compared with."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from ....search.records import Comparison, Verdict
from ...results.search_document import SearchDocument
from ...results.verdict_rows import VerdictRow, chance, verdict_rows
from ..picture import Picture
from ..style import ACCENT, OTHER, broken, figure, rows_height
from ..table import Table, table


def compared(verdict: Verdict) -> list[tuple[VerdictRow, Comparison]]:
    """The losses that the winner was compared with, the strongest first."""
    return [(row, row.lead) for row in verdict_rows(verdict) if row.lead is not None]


def draw(document: SearchDocument) -> go.Figure | None:
    """Paired differences on test data with 95% intervals; None before the verdict."""
    said = document.verdict
    if said is None:
        return None
    rows, n = compared(said), said.decimals
    reach = _reach([versus for _, versus in rows])
    names = [broken(row.label) for row, _ in rows]
    near = [abs(versus.difference) <= reach for _, versus in rows]
    points = go.Scatter(
        x=[max(-reach, min(reach, versus.difference)) for _, versus in rows],
        y=names,
        mode="markers+text",
        text=["" if seen else f"{v.difference:+.3g} " for (_, v), seen in zip(rows, near, strict=True)],
        textposition=["middle left" if v.difference > 0 else "middle right" for _, v in rows],
        marker={
            "size": 9,
            "color": [ACCENT if v.ci_low > 0 else OTHER for _, v in rows],
            "symbol": [
                "circle" if seen else "triangle-right" if v.difference > 0 else "triangle-left"
                for (_, v), seen in zip(rows, near, strict=True)
            ],
        },
        error_x={
            "array": [seen * (v.ci_high - v.difference) for (_, v), seen in zip(rows, near, strict=True)],
            "arrayminus": [seen * (v.difference - v.ci_low) for (_, v), seen in zip(rows, near, strict=True)],
            "color": OTHER,
            "thickness": 2,
            "width": 0,
        },
        customdata=[[v.difference, v.ci_low, v.ci_high, row.scores.mean] for row, v in rows],
        hovertemplate=f"%{{y}}<br>ahead by %{{customdata[0]:+.{n}f}} [%{{customdata[1]:+.{n}f}}, "
        f"%{{customdata[2]:+.{n}f}}]<br>its mean %{{customdata[3]:.{n}f}}<extra></extra>",
    )
    made = figure(
        points,
        height=rows_height(len(rows), lines=max(1 + name.count("<br>") for name in names)),
        yaxis_autorange="reversed",
        xaxis_title_text=f"ahead by,<br>in {said.metric}",
    )
    made.update_xaxes(zerolinewidth=2, rangemode="tozero", nticks=6)
    if said.margin > 0:
        made.add_vrect(
            x0=-said.margin, x1=said.margin, fillcolor=OTHER, opacity=0.12, line_width=0, layer="below"
        )
    return made


def _reach(found: Sequence[Comparison]) -> float:
    """How far the axis goes: a loss that failed stands at its edge, so that the others are told apart."""
    ends = sorted(max(abs(versus.ci_low), abs(versus.ci_high)) for versus in found)
    return min(ends[-1], 2 * ends[len(ends) // 2]) if ends else 1.0


def _verdict(document: SearchDocument) -> Verdict:
    assert document.verdict is not None, "without a verdict nothing is drawn"
    return document.verdict


def _note(document: SearchDocument) -> str:
    verdict = _verdict(document)
    where = (
        "validation data, with fresh seeds"
        if verdict.scored_on != "test"
        else "test data that nothing was chosen on"
    )
    errors = " and ".join(verdict.sources or ("refits", "test samples"))
    return (
        f"Each point says how far the winner is ahead of a loss that is tuned too, on {where}; the line is "
        f"its 95% interval over {errors}. Right of zero the winner is better; where the interval says so, "
        "the point is coloured."
    )


def _alt(document: SearchDocument) -> str:
    return f"Differences with intervals, one row for each loss. {_verdict(document).sentence}"


def _table(document: SearchDocument) -> Table:
    verdict = _verdict(document)
    head = (
        "loss", f"{verdict.metric} ± sd", "learning rate", "winner ahead by",
        "95% interval", "p (Holm)", "effect (d)", "p (Wilcoxon, refits)",
    )  # fmt: skip
    return table(head, (_cells(row, verdict.decimals) for row in verdict_rows(verdict)))


def _cells(row: VerdictRow, n: int) -> Sequence[str]:
    own, lead = (f"{row.scores.mean:.{n}f} ± {row.scores.sd:.{n}f}", f"{row.learning_rate:.3g}"), row.lead
    if lead is None:
        return (row.label.replace(row.names[0], f"{row.names[0]} (winner)", 1), *own, "", "", "", "", "")
    effect = "" if lead.effect_size is None else f"{lead.effect_size:+.2f}"
    return (
        row.label, *own, f"{lead.difference:+.{n}f}", f"{lead.ci_low:+.{n}f} to {lead.ci_high:+.{n}f}",
        row.chance, effect, "" if lead.wilcoxon_p is None else chance(lead.wilcoxon_p),
    )  # fmt: skip


PICTURE = Picture("By how much the winner leads", "verdict", 0, _note, _alt, draw, _table)
