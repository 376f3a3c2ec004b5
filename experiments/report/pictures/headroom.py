"""The standard losses by their learning rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from ...results.search_document import SearchDocument
from ...results.trial_row import TrialRow
from ..picture import Picture
from ..style import ACCENT, OTHER, figure, legend_below, worth_seeing
from ..table import Table, escaped, table

_USUAL = ("cross_entropy", "bce", "mse")


def _by_name(document: SearchDocument) -> Mapping[str, list[TrialRow]]:
    """The complete trials of each standard loss, the best loss and its best trial first."""
    found: dict[str, list[TrialRow]] = {}
    for trial in document.ranked():
        if trial.phase == "headroom":
            found.setdefault(trial.standard or "other", []).append(trial)
    return found


def draw(document: SearchDocument) -> go.Figure | None:
    """The standard losses' scores by learning rate, the best one in colour; None without any."""
    losses = _by_name(document)
    if not losses:
        return None
    n = document.decimals
    usual = next((name for name in _USUAL if name in losses), None)
    best = next(iter(losses))
    traces = []
    for name, found in sorted(losses.items(), key=lambda item: item[0] == best):
        trials = sorted(found, key=lambda trial: trial.learning_rate)
        marked = name in (best, usual)
        traces.append(
            go.Scatter(
                x=[trial.learning_rate for trial in trials],
                y=[trial.score for trial in trials],
                mode="lines+markers",
                name=name,
                opacity=1 if marked else 0.45,
                showlegend=marked,
                line={
                    "color": ACCENT if name == best else OTHER,
                    "width": 3 if name == best else 2 if marked else 1,
                    "dash": "dash" if name == usual and name != best else "solid",
                },
                hovertemplate=f"{escaped(name)}<br>rate %{{x:.3g}}: %{{y:.{n}f}}<extra></extra>",
            )
        )
    made = legend_below(figure(*traces, height=340, yaxis_title_text=document.task.metric))
    all_trials = [trial for trials in losses.values() for trial in trials]
    ticks = _round_rates([trial.learning_rate for trial in all_trials])
    made.update_xaxes(
        title_text="learning rate",
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
        tickangle=0,
    )
    made.update_yaxes(range=worth_seeing(all_trials, document.sign))
    return made


def _round_rates(rates: Sequence[float]) -> list[float]:
    """1 and 3 times powers of ten that lie among the rates; the ends where there is none."""
    low, high = min(rates), max(rates)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [float(f"{digit}e{power}") for power in powers for digit in (1, 3)]
    return [tick for tick in found if 0.99 * low <= tick <= 1.01 * high] or sorted({low, high})


def _alt(document: SearchDocument) -> str:
    name, trials = next(iter(_by_name(document).items()))
    score = f"{trials[0].score:.{document.decimals}f}"
    return (
        f"The score of each standard loss by learning rate. The best is {name} with {score} at "
        f"{trials[0].learning_rate:.3g}."
    )


def _table(document: SearchDocument) -> Table:
    n = document.decimals
    rows = (
        (name, f"{trials[0].score:.{n}f}", f"{trials[0].learning_rate:.3g}")
        for name, trials in _by_name(document).items()
    )
    return table(("standard loss", "best score", "at learning rate"), rows)


PICTURE = Picture(
    "The standard losses, tuned",
    "search",
    10,
    lambda _: "Every standard loss gets its own learning rate before anything is compared with it.",
    _alt,
    draw,
    _table,
)
