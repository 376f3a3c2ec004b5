"""What the page says in words: headroom, classes, what to do now, and how an own loop is trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossmith.experiments.report import answer_of, report_html
from lossmith.experiments.report.headline import what_now
from lossmith.experiments.report.headroom_words import distances, headroom_words
from lossmith.experiments.report.provenance import setting
from lossmith.experiments.report.usage import snippets
from lossmith.experiments.results.class_table import class_rows
from lossmith.experiments.results.reading import SearchReading
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.results.verdict_rows import verdict_rows
from lossmith.experiments.store import Store
from lossmith.search.tasks.task_record import FunctionRecord
from lossmith.spaces.recipe import Recipe

from .conftest import document_of


def test_headroom_does_not_contradict_a_winner(document: SearchDocument) -> None:
    """Standard losses that are alike and a searched one that is far better are told as two things."""
    assert document.headroom is not None
    assert document.verdict is not None
    assert document.verdict.better
    words = headroom_words(replace(document, headroom=replace(document.headroom, matters=False)))
    assert "That says nothing of searched losses" in words
    assert "The one it found is ahead of" in words
    assert f"{abs(document.verdict.ahead.difference):.4f}" in words


def test_headroom_is_told_without_raw_keys(store: Store, document: SearchDocument) -> None:
    """No reader is shown the names of fields; each distance has a name and a value."""
    html = report_html(store, "multiclass")
    for key in ("detectable", "seed noise", "searched error", "repeats needed"):
        assert f">{key}<" not in html
    assert len(distances(document)) >= 2
    assert "How much a loss can matter here" in html


def test_before_anything_was_compared_nothing_is_said_of_headroom(store: Store) -> None:
    """A search without a trial has no distances and no words on them."""
    young = document_of(store, "young")
    assert headroom_words(young) == ""
    assert distances(young) == []


@pytest.mark.parametrize("kind", ["multiclass", "binary"])
def test_each_class_is_counted(kind: str, store: Store) -> None:
    """Rows add up to the test samples of their class, and what lies on the diagonal is recognised."""
    document = document_of(store, kind)
    rows = class_rows(document)
    assert len(rows) == len(document.task.class_counts or ())
    assert sum(sum(row.counts) for row in rows) == pytest.approx(400)
    assert all(row.found == pytest.approx(row.counts[row.own] / sum(row.counts)) for row in rows)
    assert "Class by class" in report_html(store, kind)


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_without_single_classes_there_is_no_such_table(kind: str, store: Store) -> None:
    """Labels and numbers are not taken for one another."""
    assert class_rows(document_of(store, kind)) == []
    assert "Class by class" not in report_html(store, kind)


def test_classes_have_their_names(document: SearchDocument) -> None:
    """Names that the task knows stand beside counts and in the table, the positive one is named."""
    named = replace(document.task, class_names=("ant", "bee", "cat"), positive="bee")
    known = replace(document, task=named)
    assert [row.name for row in class_rows(known)] == ["ant", "bee", "cat"]
    counts = dict(setting(known))["class sizes in training"]
    assert counts.startswith("ant ")
    assert counts.endswith("(positive: bee)")


@pytest.mark.parametrize("name", ["multiclass", "lost", "halfway"])
def test_the_page_says_what_to_do_now(name: str, store: Store) -> None:
    """With a verdict the loss is exported and trained with; without one the search goes on."""
    document = document_of(store, name)
    ((words, command), *_) = what_now(document, answer_of(SearchReading.of(store, name)))
    if document.verdict is None:
        assert command == "lossmith resume halfway"
    else:
        assert command == f"lossmith export {name} --to my_loss"
        assert (document.verdict.recommended.standard or "the searched loss") in words
        assert f"{document.verdict.recommended.learning_rate:.3g}" in words


def test_what_a_running_search_shows_is_said_to_be_preliminary(store: Store) -> None:
    """Its page and its words name the best so far, and that there is no verdict yet."""
    running = replace(document_of(store, "halfway"), status="running")
    ((words, command),) = what_now(running, None)
    assert "preliminary" in words
    assert command == "lossmith show halfway"


def test_losses_that_are_one_share_a_row(document: SearchDocument) -> None:
    """Scores that differ by the rounding of a factor are one row, beside the winner too."""
    verdict = document.verdict
    assert verdict is not None
    name, row = next(iter(verdict.against.items()))
    near = replace(
        row, scores=replace(row.scores, by_repeat=tuple(s * (1 + 1e-9) for s in row.scores.by_repeat))
    )
    twice = replace(verdict, against={**verdict.against, "twin": near})
    (shared,) = (found for found in verdict_rows(twice) if "twin" in found.names)
    assert name in shared.names


def test_an_own_loop_prints_no_recipe_that_was_not_used(document: SearchDocument) -> None:
    """A function that reads the rate alone is told to have the rate, one that reads nothing nothing."""
    for reads, words in (
        (["learning_rate"], "learning rate 0.003; the rest is in the code of made-up"),
        ([], "in the code of made-up"),
    ):
        task = replace(document.task, own_training=FunctionRecord(0, 1.0, bool(reads), tuple(reads)))
        assert dict(setting(replace(document, task=task)))["recipe"] == words
    (code,) = (found.code for found in snippets(Recipe(), 0.01, "multiclass", function="made-up"))
    assert "Adam" not in code
    compile(code, "snippet", "exec")


def test_code_for_a_standardised_target_brings_predictions_into_its_units() -> None:
    """The rate belongs to a model of standardised targets; the exported loss takes the target's units."""
    for snippet in snippets(Recipe(), 0.01, "regression", in_units=True):
        compile(snippet.code, snippet.title, "exec")
        assert "loss.mean + " in snippet.code
        assert "loss.spread * " in snippet.code
