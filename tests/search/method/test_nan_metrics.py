"""A metric that is no number has a defined result."""

from __future__ import annotations

import math

import pytest

from lossmith.losses import UserError
from lossmith.search import Candidate, MemoryLedger, Outcome, Repeat, Task, conduct
from lossmith.search.method.nan_metrics import as_diverged
from lossmith.search.records import Measurement

from ..simulation import PLAN, SPACE, RecordedProgress, SimulatedRunner, is_standard

REPEATS = (Repeat(0, 0), Repeat(0, 1))


def measured(*scores: float) -> Measurement:
    """A loss that was trained to the end."""
    return Measurement(Outcome("complete", scores, 3), scores)


def test_a_loss_without_a_number_is_lost() -> None:
    """One whose metric is NaN on a fold counts as diverged, with the fold in its reason; the others stay."""
    good = measured(0.5, 0.6)
    found = as_diverged([good, measured(0.5, math.nan)], REPEATS, "auroc")
    assert found[0] is good
    assert found[1].outcome.reason == "auroc is NaN, seed 0, fold 1"
    assert (found[1].outcome.state, found[1].resampled) == ("diverged", ())


def test_a_fold_without_a_number_is_a_fault_of_the_fold() -> None:
    """Where no loss has a number on a fold, one line names the metric, the fold and the remedy."""
    with pytest.raises(UserError, match=r"auroc is NaN for every loss on fold 1 .* ask for fewer folds"):
        as_diverged([measured(0.5, math.nan)] * 6, REPEATS, "auroc")


def test_a_constant_metric_has_a_verdict(folded_task: Task) -> None:
    """Where every loss scores the same, headroom says that the choice matters little; nothing is better."""
    heard = RecordedProgress()
    runner = SimulatedRunner(folded_task, lambda c: 0.7, shared=0, own=0)
    document = conduct(folded_task, SPACE, PLAN, runner, MemoryLedger(), heard).verdict
    assert document is not None
    assert not document.better
    assert document.winner.standard is not None
    assert any("cannot be told apart" in note for note in heard.notes)


def test_a_search_goes_on_without_losses_that_have_no_number(folded_task: Task) -> None:
    """Searched losses whose metric is NaN on fresh folds are out of the race; the verdict stands."""

    def quality(candidate: Candidate) -> float:
        return (
            0.6 if is_standard(candidate) or candidate.spec.parameters.get("focal.gamma", 3) > 2 else math.nan
        )

    document = conduct(
        folded_task, SPACE, PLAN, SimulatedRunner(folded_task, quality), MemoryLedger(), RecordedProgress()
    )
    assert document.verdict is not None
