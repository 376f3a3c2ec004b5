"""Headroom tunes the standard losses and says whether a loss can matter at all."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lossmith.losses import standard_specs
from lossmith.search import Candidate, Task
from lossmith.search.method.headroom import headroom

from ..simulation import PLAN, JsonLedger, RecordedProgress, SimulatedRunner, context_of


def rank(candidate: Candidate) -> int:
    """A number for each standard loss."""
    return list(standard_specs("multiclass")).index(candidate.standard or "")


def tuned_apart(candidate: Candidate) -> float:
    """Every standard loss has its best learning rate elsewhere: low, middle or high in turn."""
    target = 3e-3 * 10.0 ** (rank(candidate) % 3 - 1)
    return 0.7 - 0.01 * abs(math.log(candidate.recipe.rate / target))


def apart(candidate: Candidate) -> float:
    """Standard losses that differ by .01 each."""
    return 0.5 + 0.01 * rank(candidate)


def test_each_standard_loss_gets_its_best_learning_rate(task: Task) -> None:
    """Of three rates tried, each standard loss keeps the one with the best mean score."""
    runner = SimulatedRunner(task, tuned_apart, shared=0.05, own=0)
    tuned = headroom(context_of(runner))
    assert tuned.best.keys() == standard_specs("multiclass").keys()
    rates = sorted({candidate.recipe.rate for candidate in runner.trained[0][0]})
    assert len(rates) == 3
    for trial in tuned.best.values():
        assert trial.candidate.recipe.rate == rates[rank(trial.candidate) % 3]


def test_standard_losses_are_trained_in_one_cohort_and_none_is_dropped(task: Task) -> None:
    """Each different loss with every rate on every repeat, once; names for one loss share its trials.

    A second cohort has the four best ones at two learning rates more.
    """
    runner = SimulatedRunner(task)
    tuned = headroom(context_of(runner))
    (candidates, repeats), (finer, again) = runner.trained
    assert len({c.spec.hash for c in candidates}) * 3 == len(candidates) == len(tuned.trials) - 8
    assert again == repeats
    assert len({c.spec.hash for c in finer}) == 4
    assert {c.key for c in finer}.isdisjoint({c.key for c in candidates})
    candidates += finer
    assert len({c.key for c in candidates}) == len(candidates)
    assert len(repeats) == len(set(repeats)) == PLAN.seeds
    assert [rungs.keep for rungs in runner.rungs if rungs] == [1.0, 1.0]
    assert [trial.number for trial in tuned.trials] == list(range(len(candidates)))
    assert {trial.phase for trial in tuned.trials} == {"headroom"}
    assert tuned.best["balanced_softmax"] is tuned.best["logit_adjustment"]


def test_without_a_validation_part_repeats_are_seeds_times_folds(folded_task: Task) -> None:
    """Every fold with every seed."""
    runner = SimulatedRunner(folded_task)
    headroom(context_of(runner, plan=replace(PLAN, folds=4)))
    pairs = {(repeat.seed, repeat.fold) for repeat in runner.trained[0][1]}
    assert pairs == {(seed, fold) for seed in range(3) for fold in range(4)}


@pytest.mark.parametrize("mode", ["warn", "stop", "off"])
@pytest.mark.parametrize("matters", [True, False])
def test_headroom_says_whether_the_loss_matters(task: Task, mode: str, matters: bool) -> None:  # noqa: FBT001
    """`warn` and `stop` say it, and `stop` ends a search whose standard losses are alike; `off` is silent."""
    heard = RecordedProgress()
    runner = SimulatedRunner(task, apart if matters else lambda candidate: 0.7)
    plan = replace(PLAN, headroom=mode)  # type: ignore[arg-type]  # one of the three
    tuned = headroom(context_of(runner, plan=plan, progress=heard))
    assert (tuned.stop is not None) == (mode == "stop" and not matters)
    if mode == "off":
        assert heard.notes == []
        return
    (note,) = heard.notes
    assert ("differ by more than chance here" if matters else "cannot be told apart here") in note
    assert "accuracy" in note
    assert "tuned cross_entropy" in note
    if tuned.stop is not None:
        assert note in tuned.stop
        assert "headroom: stop" in tuned.stop


def test_a_single_repeat_does_not_tell(task: Task) -> None:
    """With one repeat there is no noise to compare with: headroom says so and does not stop the search."""
    heard = RecordedProgress()
    plan = replace(PLAN, seeds=1, headroom="stop")
    tuned = headroom(context_of(SimulatedRunner(task, lambda c: 0.7), plan=plan, progress=heard))
    assert tuned.stop is None
    assert "repeats" in heard.notes[0]


def test_a_standard_loss_that_always_diverges_is_left_out(task: Task) -> None:
    """It is no contender; the others are tuned, and one that diverges at some rates keeps another rate."""
    runner = SimulatedRunner(
        task,
        diverges=lambda c, r: c.standard == "focal" or (c.standard == "gce" and c.recipe.rate > 1e-3),
    )
    tuned = headroom(context_of(runner))
    assert "focal" not in tuned.best
    assert tuned.best["gce"].candidate.recipe.rate < 1e-3
    assert tuned.best["gce"].outcome.state == "complete"
    assert tuned.stop is None


def test_a_search_whose_standard_losses_all_diverge_ends_here(task: Task) -> None:
    """There is nothing to compare with, whatever `headroom` is set to."""
    heard = RecordedProgress()
    context = context_of(SimulatedRunner(task, diverges=lambda c, r: True), progress=heard)
    tuned = headroom(context)
    assert tuned.best == {}
    assert "every standard loss diverged" in (tuned.stop or "")


def test_where_smaller_is_better_the_smallest_error_is_the_best(regression: Task) -> None:
    """Rates are picked, and the leader named, by the least mean absolute error."""
    heard = RecordedProgress()

    def error(candidate: Candidate) -> float:
        return (0.3 if candidate.standard == "huber" else 0.5) + abs(math.log(candidate.recipe.rate / 3e-3))

    tuned = headroom(context_of(SimulatedRunner(regression, error), progress=heard))
    assert {trial.candidate.recipe.rate for trial in tuned.best.values()} == {3e-3}
    assert "the best tuned standard loss is huber" in heard.notes[0]
    assert heard.done[-1][1] == pytest.approx(0.3, abs=0.1)


def test_headroom_is_read_from_the_ledger(task: Task) -> None:
    """A second run trains nothing and finds the same."""
    ledger, runner = JsonLedger(), SimulatedRunner(task)
    first = headroom(context_of(runner, ledger=ledger))
    again = headroom(context_of(runner, ledger=ledger))
    assert len(runner.trained) == 2
    assert first == again


def test_headroom_tells_how_far_it_is(task: Task) -> None:
    """The phase begins with the number of its trials and ends with all of them done."""
    heard = RecordedProgress()
    tuned = headroom(context_of(SimulatedRunner(task), progress=heard))
    assert heard.phases == [("headroom", len(tuned.trials))]
    assert heard.done[-1][0] == len(tuned.trials)
    assert heard.done[-1][1] == max(trial.outcome.score for trial in tuned.trials)
