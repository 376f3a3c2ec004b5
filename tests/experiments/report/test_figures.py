"""The pictures, as data."""

from __future__ import annotations

import copy
from typing import Any

import plotly.graph_objects as go
import pytest

from lossmith.experiments.report import figures, report_document
from lossmith.experiments.report.captioned import pictures
from lossmith.experiments.report.figures import style, trials
from lossmith.experiments.report.figures.verdict import comparisons
from lossmith.experiments.store import Store

KINDS = ["multiclass", "binary", "multilabel", "regression"]
INSIGHTS = ["ablation", "importance", "sensitivity"]


@pytest.mark.parametrize("name", figures.__all__)
def test_a_picture_is_a_pure_function_of_the_document(name: str, document: dict[str, Any]) -> None:
    """Every picture is a Plotly figure, and drawing it changes nothing in the document."""
    before = copy.deepcopy(document)
    assert isinstance(getattr(figures, name)(document), go.Figure)
    assert document == before


@pytest.mark.parametrize("name", figures.__all__)
def test_a_search_without_trials_has_no_pictures(name: str, store: Store) -> None:
    """Nothing to show is None, not an empty picture and not an error."""
    assert getattr(figures, name)(report_document(store, "young")) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_problem_has_its_pictures(kind: str, store: Store) -> None:
    """Verdict, shape, headroom, history, parameters, rungs and what was stopped are drawn for each kind."""
    drawn = pictures(report_document(store, kind))
    wanted = {
        "verdict",
        "shape_loss",
        "shape_gradient",
        "headroom",
        "history",
        "parallel",
        "learning",
        "thinning",
    }
    assert drawn.keys() == wanted
    assert all(picture.alt and picture.table.rows for picture in drawn.values())


@pytest.mark.parametrize("name", INSIGHTS)
def test_what_was_not_measured_is_not_drawn(name: str, store: Store) -> None:
    """Without the phase that measures it there is no ablation, importance or sensitivity."""
    assert getattr(figures, name)(report_document(store, "multiclass")) is None


def test_the_verdict_shows_every_comparison_at_its_place(document: dict[str, Any]) -> None:
    """Each standard loss is a row at its difference with its interval; a far one stands at the edge."""
    made, rows = figures.verdict(document), comparisons(document)
    assert made is not None
    (points,) = made.data
    assert sum(1 + name.count(" = ") for name, _ in rows) == len(document["verdict"]["against"])
    for x, text, low, (_, row) in zip(points.x, points.text, points.error_x.arrayminus, rows, strict=True):
        if text:
            assert abs(x) < abs(row["difference"])
            assert f"{row['difference']:+.3g}" == text.strip()
        else:
            assert (x, x - low) == pytest.approx((row["difference"], row["ci_low"]))


@pytest.mark.parametrize(("kind", "clear"), [("multiclass", 0.01), ("regression", -0.01)])
def test_a_point_is_coloured_where_its_interval_says_better(kind: str, clear: float, store: Store) -> None:
    """Better is above zero for a metric that should be large and below it for one that should be small."""
    document = report_document(store, kind)
    names = list(document["verdict"]["against"])
    row = document["verdict"]["against"][names[0]]
    row |= {"difference": 2 * clear, "ci_low": min(clear, 3 * clear), "ci_high": max(clear, 3 * clear)}
    other = document["verdict"]["against"][names[1]]
    other |= {"difference": clear, "ci_low": -0.05, "ci_high": 0.05}
    made = figures.verdict(document)
    assert made is not None
    (points,) = made.data
    colours = dict(zip(points.y, points.marker.color, strict=True))
    assert colours[names[0]] == style.ACCENT
    assert colours[names[1]] == style.OTHER


def test_a_line_of_the_parallel_coordinates_passes_every_row(document: dict[str, Any]) -> None:
    """Each trial is one unbroken line: a parameter that its loss lacks is passed at "off"."""
    made = figures.parallel(document)
    assert made is not None
    rows = len(trials.axes(document)) + 1
    for trace in made.data:
        runs = [list(trace.y[start : start + rows]) for start in range(0, len(trace.y), rows + 1)]
        assert all(run == list(range(rows)) for run in runs)
        assert all(x is None or -0.2 <= x <= 1 for x in trace.x)


def test_a_loss_that_failed_does_not_squeeze_the_others() -> None:
    """The range of scores keeps the better half apart, whichever way is better."""
    low, high = style.worth_seeing([0.9, 0.89, 0.88, 0.87, 0.1], sign=1)
    assert 0.8 < low < 0.87
    assert high > 0.9
    low, high = style.worth_seeing([0.1, 0.11, 0.12, 0.13, 5.0], sign=-1)
    assert low < 0.1
    assert 0.13 < high < 0.5


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [style.ACCENT, style.OTHER, style.WARN])
@pytest.mark.parametrize("paper", ["#ffffff", "#12151a"])
def test_a_colour_can_be_seen_by_day_and_by_night(colour: str, paper: str) -> None:
    """Lines have the 3:1 that WCAG 2.2 asks of graphics, on white and on the dark page."""
    one, two = sorted((_luminance(colour), _luminance(paper)))
    assert (two + 0.05) / (one + 0.05) >= 3
