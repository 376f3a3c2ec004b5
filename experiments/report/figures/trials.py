"""The trials of a search: as they came, by their parameters, and the standard losses by learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from .style import ACCENT, OTHER, WARN, figure, legend_below, worth_seeing

RATE = "recipe.learning_rate"
SHOWN = 400  # lines of the parallel coordinates: the best, and an even sample of the others
AXES = 12  # parameters of the parallel coordinates: those that most trials have
_BEST_SHARE = 0.1
_OFF = -0.16  # where on a row a loss stands that does not have its parameter

Trial = Mapping[str, Any]


def sign_of(document: Mapping[str, Any]) -> int:
    """+1 where a greater score is better, -1 where a smaller one is."""
    from ....search.metrics import sign_of as sign_of_task

    verdict = document.get("verdict")
    if verdict is not None:
        return 1 if verdict["greater_is_better"] else -1
    return sign_of_task(document["task"])


def complete(document: Mapping[str, Any]) -> list[Trial]:
    """The complete trials, the best first."""
    sign = sign_of(document)
    whole = [t for t in document["trials"] if t["state"] == "complete" and t["score"] is not None]
    return sorted(whole, key=lambda t: (-sign * t["score"], t["number"]))


def history(document: Mapping[str, Any]) -> go.Figure | None:
    """Every complete trial's score by number, and the best so far; None without a complete trial."""
    whole = sorted(complete(document), key=lambda t: t["number"])
    if not whole:
        return None
    sign, best, line = sign_of(document), -math.inf, []
    for trial in whole:
        best = max(best, sign * trial["score"])
        line.append(sign * best)
    numbers = [t["number"] for t in whole]
    standard = [t for t in whole if t["standard"]]
    searched = [t for t in whole if not t["standard"]]

    def points(some: Sequence[Trial], name: str, colour: str, symbol: str) -> go.Scatter:
        return go.Scatter(
            x=[t["number"] for t in some],
            y=[t["score"] for t in some],
            text=[t["standard"] or t["formula"][:80] for t in some],
            mode="markers",
            name=name,
            marker={"color": colour, "size": 6, "symbol": symbol, "opacity": 0.75},
            hovertemplate="trial %{x}: %{y:.4f}<br>%{text}<extra></extra>",
        )

    traces = [
        points(standard, "standard losses", OTHER, "circle-open"),
        points(searched, "searched losses", ACCENT, "circle"),
        go.Scatter(
            x=numbers,
            y=line,
            mode="lines",
            name="best so far",
            line={"color": ACCENT, "width": 1.5, "shape": "hv"},
            hoverinfo="skip",
        ),
    ]
    made = legend_below(figure(*traces, yaxis_title_text=document["task"]["metric"]))
    made.update_xaxes(title_text="trial", zeroline=False)
    made.update_yaxes(range=worth_seeing([t["score"] for t in whole], sign))
    return made


def axes(document: Mapping[str, Any]) -> list[str]:
    """The parameters that the searched trials vary: the learning rate, then the most frequent ones."""
    searched = [t for t in document["trials"] if t["phase"] == "explore" and not t["standard"]]
    count: dict[str, int] = {}
    for trial in searched:
        for name in trial["params"]:
            count[name] = count.get(name, 0) + 1
    values = {name: {t["params"].get(name) for t in searched} for name in count}
    varied = [name for name in count if len(values[name] - {None}) > 1]
    varied.sort(key=lambda name: (name != RATE, -count[name], name))
    return varied[:AXES]


def parallel(document: Mapping[str, Any]) -> go.Figure | None:
    """Parallel coordinates, a row a parameter and the score below: the best tenth and the winner stand out.

    A line runs through "off", left of the row, where the loss does not have the parameter. None where fewer
    than two searched trials are complete, or nothing varies. The rows lie, so that a phone has room for them.
    """
    names = axes(document)
    ranked = [t for t in complete(document) if t["phase"] == "explore" and not t["standard"]]
    if len(ranked) < 2 or not names:
        return None
    top = max(1, round(_BEST_SHARE * len(ranked)))
    rest = ranked[top:]
    stride = max(1, math.ceil(len(rest) / max(1, SHOWN - top)))
    metric = document["task"]["metric"]
    rows = [*names, metric]
    shown = [*ranked[:top], *rest[::stride]]
    scales = {name: _scale([_value(t, name, metric) for t in shown], log=name == RATE) for name in rows}

    def lines(some: Sequence[Trial], label: str, colour: str, width: float) -> go.Scatter:
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
            (0, _escaped(name.removeprefix("recipe.")), "left"),
            (1, f"{low:.3g} to {high:.3g}", "right"),
            *([] if row else [(_OFF, "off", "center")]),
        ):
            made.add_annotation(
                x=x, y=row, text=text, xanchor=anchor, yanchor="bottom", yshift=5, showarrow=False,
                font={"size": 11.5}, bgcolor="rgba(0,0,0,0)", borderpad=1,
            )  # fmt: skip
    return legend_below(made).update_layout(legend_y=0)


def _winner(document: Mapping[str, Any], ranked: Sequence[Trial]) -> Trial | None:
    verdict = document.get("verdict")
    if verdict is None:
        return None
    return next((t for t in ranked if t["number"] == verdict["winner"]["number"]), None)


def _value(trial: Trial, name: str, metric: str) -> float | None:
    found = trial["score"] if name == metric else trial["params"].get(name)
    return None if found is None else float(found)


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


def _escaped(text: str) -> str:
    """Plotly reads tags in texts; a name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def headroom(document: Mapping[str, Any]) -> go.Figure | None:
    """The standard losses' scores by learning rate, the best one in colour; None without any."""
    trials = [t for t in complete(document) if t["phase"] == "headroom"]
    if not trials:
        return None
    by_name: dict[str, list[Trial]] = {}
    for trial in trials:
        by_name.setdefault(trial["standard"] or "other", []).append(trial)
    usual = next((name for name in ("cross_entropy", "bce", "mse") if name in by_name), None)
    best = trials[0]["standard"]
    traces = []
    for name, some in sorted(by_name.items(), key=lambda item: item[0] == best):
        some.sort(key=lambda t: t["params"][RATE])
        marked = name in (best, usual)
        traces.append(
            go.Scatter(
                x=[t["params"][RATE] for t in some],
                y=[t["score"] for t in some],
                mode="lines+markers",
                name=name,
                opacity=1 if marked else 0.45,
                showlegend=marked,
                line={
                    "color": ACCENT if name == best else OTHER,
                    "width": 3 if name == best else 2 if marked else 1,
                    "dash": "dash" if name == usual and name != best else "solid",
                },
                hovertemplate=f"{_escaped(name)}<br>rate %{{x:.3g}}: %{{y:.4f}}<extra></extra>",
            )
        )
    made = legend_below(figure(*traces, height=340, yaxis_title_text=document["task"]["metric"]))
    ticks = _round_rates([t["params"][RATE] for t in trials])
    made.update_xaxes(
        title_text="learning rate",
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
        tickangle=0,
    )
    made.update_yaxes(range=worth_seeing([t["score"] for t in trials], sign_of(document)))
    return made


def _round_rates(rates: Sequence[float]) -> list[float]:
    """1 and 3 times powers of ten that lie among the rates; the ends where there is none."""
    low, high = min(rates), max(rates)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [float(f"{digit}e{power}") for power in powers for digit in (1, 3)]
    return [tick for tick in found if 0.99 * low <= tick <= 1.01 * high] or sorted({low, high})


def thinning(document: Mapping[str, Any]) -> go.Figure | None:
    """How many explored trials were dropped at each epoch, and how many diverged; None where none was."""
    explored = [t for t in document["trials"] if t["phase"] == "explore" and t["state"] != "complete"]
    if not explored:
        return None
    epochs = sorted({t["epochs"] for t in explored})
    traces = [
        go.Bar(
            x=[str(epoch) for epoch in epochs],
            y=[sum(t["state"] == state and t["epochs"] == epoch for t in explored) for epoch in epochs],
            name=state,
            marker_color=colour,
            hovertemplate="epoch %{x}: %{y} " + state + "<extra></extra>",
        )
        for state, colour in (("pruned", OTHER), ("diverged", WARN))
        if any(t["state"] == state for t in explored)
    ]
    made = figure(*traces, height=220, barmode="stack", yaxis_title_text="trials")
    made.update_xaxes(title_text="stopped at epoch", type="category")
    return legend_below(made).update_layout(legend_y=-0.4, bargap=0.65)
