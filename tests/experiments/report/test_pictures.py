"""The pictures, as data."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest

from lossmith.experiments.report import pictures, style
from lossmith.experiments.report.page import page
from lossmith.experiments.report.pictures import drawn, picture_named
from lossmith.experiments.report.pictures.parallel import axes
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.results.trial_row import TrialRow
from lossmith.experiments.results.verdict_rows import verdict_rows
from lossmith.experiments.store import Store
from lossmith.losses import LossSpec
from lossmith.search.records import Candidate, Comparison, Outcome, RefitScores, Repeat, StandardRow, Trial
from lossmith.spaces.recipe import Recipe

from .conftest import KINDS, document_of


@pytest.mark.parametrize("name", pictures.pictures())
def test_a_picture_is_a_pure_function_of_the_document(name: str, store: Store) -> None:
    """Some search has each picture as a Plotly figure, and drawing it changes nothing in the document."""
    made = []
    for search in (*KINDS, "lost"):
        document = document_of(store, search)
        before = copy.deepcopy(document)
        made.append(picture_named(name).figure(document))
        assert document == before
    assert any(isinstance(figure, go.Figure) for figure in made)


@pytest.mark.parametrize("name", pictures.pictures())
def test_a_search_without_trials_has_no_pictures(name: str, store: Store) -> None:
    """Nothing to show is None, not an empty picture and not an error."""
    assert picture_named(name).figure(document_of(store, "young")) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_problem_has_its_pictures(kind: str, store: Store) -> None:
    """Verdict, shape, headroom, history, parameters, rungs and what was stopped are drawn for each kind."""
    shown = drawn(document_of(store, kind))
    names = {it.name for it in shown}
    assert names >= {"verdict", "headroom", "history", "parallel", "learning", "thinning"}
    assert all(it.alt for it in shown)
    assert {it.name for it in shown if it.table is None} <= {"shape_gradient", "parallel"}, "they repeat one"


@pytest.mark.parametrize("name", ["ablation", "importance", "sensitivity", "verdict"])
def test_what_was_not_measured_is_not_drawn(name: str, store: Store) -> None:
    """Before the phase that measures it there is no verdict, ablation, importance or sensitivity."""
    assert picture_named(name).figure(document_of(store, "halfway")) is None


def test_the_verdict_shows_every_comparison_at_its_place(document: SearchDocument) -> None:
    """Each standard loss is a row at its difference with its interval; a far one stands at the edge."""
    assert document.verdict is not None
    made, (_, *rows) = picture_named("verdict").figure(document), verdict_rows(document.verdict)
    assert made is not None
    (points,) = made.data
    assert sum(len(row.names) for row in rows) == len(document.verdict.against)
    for x, text, low, row in zip(points.x, points.text, points.error_x.arrayminus, rows, strict=True):
        assert row.lead is not None
        if text:
            assert abs(x) < abs(row.lead.difference)
            assert f"{row.lead.difference:+.3g}" == text.strip()
        else:
            assert (x, x - low) == pytest.approx((row.lead.difference, row.lead.ci_low))


@pytest.mark.parametrize(("kind", "clear"), [("multiclass", 0.01), ("regression", -0.01)])
def test_a_point_is_coloured_where_its_interval_says_better(kind: str, clear: float, store: Store) -> None:
    """Better is right of zero, whichever way the metric goes."""
    document = document_of(store, kind)
    assert document.verdict is not None
    sure = Comparison(2 * clear, min(clear, 3 * clear), max(clear, 3 * clear), 0.001)
    unsure = Comparison(clear, -0.05, 0.05, 0.5)
    rows = {
        name: StandardRow(RefitScores(0.5 + place / 100, 0.01, (0.5,), 0.01), behind)
        for place, (name, behind) in enumerate((("sure", sure), ("open", unsure)))
    }
    made = picture_named("verdict").figure(replace(document, verdict=replace(document.verdict, against=rows)))
    assert made is not None
    (points,) = made.data
    colours = dict(zip(points.y, points.marker.color, strict=True))
    assert colours == {"sure": style.ACCENT, "open": style.OTHER}
    assert all(x > 0 for x in points.x)


def test_a_line_of_the_parallel_coordinates_passes_every_row(document: SearchDocument) -> None:
    """Each trial is one unbroken line: a parameter that its loss lacks is passed at "off"."""
    made = picture_named("parallel").figure(document)
    assert made is not None
    rows = len(axes(document)) + 1
    for trace in made.data:
        runs = [list(trace.y[start : start + rows]) for start in range(0, len(trace.y), rows + 1)]
        assert all(run == list(range(rows)) for run in runs)
        assert all(x is None or -0.2 <= x <= 1 for x in trace.x)


def test_a_loss_that_failed_does_not_squeeze_the_others() -> None:
    """The range of scores keeps the better half apart, whichever way is better."""
    low, high = style.worth_seeing(scored(0.9, 0.89, 0.88, 0.87, 0.1), sign=1)
    assert 0.8 < low < 0.87
    assert high > 0.9
    low, high = style.worth_seeing(scored(0.1, 0.11, 0.12, 0.13, 5.0), sign=-1)
    assert low < 0.1
    assert 0.13 < high < 0.5


def scored(*scores: float) -> list[TrialRow]:
    """Complete trials with these scores."""
    candidate = Candidate(LossSpec("multiclass", {"mix.cross_entropy": 1.0}), Recipe())
    outcomes = [Outcome("complete", (score,), 1) for score in scores]
    return [
        TrialRow.of(Trial(number, "explore", 0, candidate, (Repeat(0),), outcome))
        for number, outcome in enumerate(outcomes)
    ]


MINE = '''
"""How many trials a search has, as a bar."""

import plotly.graph_objects as go

from lossmith.experiments.report.picture import Picture
from lossmith.experiments.report.style import figure
from lossmith.experiments.report.table import table

PICTURE = Picture(
    "How many there are", "search", 99, lambda _: "One bar.", lambda _: "A bar.",
    lambda document: figure(go.Bar(x=[len(document.trials)], y=["trials"], orientation="h")),
    lambda document: table(("", "trials"), [("all", str(len(document.trials)))]),
)
'''


def test_a_picture_is_one_file(
    document: SearchDocument, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with a PICTURE that joins the folder is on the page, in its section, with its numbers."""
    (tmp_path / "how_many.py").write_text(MINE, encoding="utf-8")
    monkeypatch.setattr(pictures, "__path__", [*pictures.__path__, str(tmp_path)])
    html = page(document, None)
    before, _, after = html.partition('<h3 id="how_many" class="title">How many there are</h3>')
    assert "The search</h2>" in before
    assert f'<td class="number">{len(document.trials)}</td>' in after
