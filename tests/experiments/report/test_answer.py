"""What the answer says first, and that nothing below contradicts it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossmith.experiments.report.headline import facts, headline
from lossmith.experiments.results.answer_words import answer_line
from lossmith.experiments.results.recommendation import decided
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.results.verdict_rows import turned, verdict_rows
from lossmith.experiments.store import Store
from lossmith.losses.kinds import kind_named
from lossmith.search.records import Comparison, Verdict

from .conftest import KINDS, document_of


def verdict_of(store: Store, name: str) -> Verdict:
    """The verdict of a search."""
    found = document_of(store, name).verdict
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_gain_over_the_usual_loss_comes_first(kind: str, store: Store) -> None:
    """Heading and first tile say how far the loss to use is ahead of what the reader has, in every metric."""
    document = document_of(store, kind)
    usual = kind_named(kind).usual_loss
    assert headline(document).startswith(f"Use the searched loss: ahead of {usual} by 0.1")
    first = facts(document)[0]
    assert first.label == f"ahead of {usual} by"
    assert first.note.startswith("95%: +0.")


@pytest.mark.parametrize("kind", KINDS)
def test_ahead_is_positive_whichever_way_the_metric_goes(kind: str, store: Store) -> None:
    """Every row that the winner leads has a positive lead, with its interval the right way round."""
    verdict = verdict_of(store, kind)
    for row in verdict_rows(verdict)[1:]:
        assert row.lead is not None
        gap = verdict.sign * (verdict.winner.scores.mean - row.scores.mean)
        assert row.lead.difference == pytest.approx(gap)
        assert row.lead.ci_low <= row.lead.difference <= row.lead.ci_high
        assert (row.lead.effect_size or 0) * row.lead.difference >= 0


def test_a_standard_loss_that_is_the_answer_is_named_with_what_it_gains(store: Store) -> None:
    """Where nothing searched won, the line still says what the standard loss gains over the usual one."""
    verdict = verdict_of(store, "multiclass")
    best = replace(verdict.best_standard, standard="inverse_frequency", number=9)
    gain = Comparison(0.27, 0.23, 0.31, 0.001)
    told = replace(verdict, winner=best, best_standard=best, conclusion="not better", use="winner", gain=gain)
    assert answer_line(told) == (
        "use inverse_frequency: ahead of cross_entropy by 0.2700 (95%: +0.2300 to +0.3100); "
        "nothing searched beat it"
    )
    less = replace(told, greater_is_better=False, gain=turned(gain, -1))
    assert answer_line(less) == answer_line(told)
    unsure = replace(told, gain=Comparison(0.02, -0.01, 0.05, 0.2))
    assert "which may be chance" in answer_line(unsure)


@pytest.mark.parametrize("use", ["winner", "best_standard", "usual"])
def test_heading_and_export_name_one_loss(use: str, document: SearchDocument) -> None:
    """What the first line says to use is what `export` hands out."""
    assert document.verdict is not None
    verdict = replace(document.verdict, use=use, conclusion="not better")  # type: ignore[arg-type]
    answer = decided(verdict)
    assert answer.number == verdict.recommended.number
    assert (answer.standard or "the searched loss") in answer_line(verdict)


def test_a_p_value_at_the_floor_is_a_bound(document: SearchDocument) -> None:
    """Where no resampling spoke against a difference, its p-value is "less than", corrected or not."""
    assert document.verdict is not None
    rows = verdict_rows(document.verdict)[1:]
    floor = document.verdict.p_floor
    for row in rows:
        assert row.lead is not None
        assert row.chance.startswith("< ") == (row.lead.p_value <= floor)
    assert any(row.chance.startswith("< ") for row in rows)
