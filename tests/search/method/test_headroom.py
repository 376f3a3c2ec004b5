"""Headroom tunes the standard losses and says whether a loss can matter at all."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lossmith.losses import standard_specs
from lossmith.search import Candidate, Task
from lossmith.search.method.headroom import headroom
from lossmith.search.method.pipeline import in_extended_space
from lossmith.spaces import Domain

from ..simulation import PLAN, SPACE, JsonLedger, RecordedProgress, SimulatedRunner, context_of


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
    """Of the rates tried with it, each standard loss keeps the one with the best mean score."""
    runner = SimulatedRunner(task, tuned_apart, shared=0.05, own=0)
    tuned = headroom(context_of(runner))
    assert tuned.best.keys() == standard_specs("multiclass").keys()
    assert len({candidate.recipe.rate for candidate in runner.trained[0][0]}) == 3
    for trial in tuned.best.values():
        tried = [t.candidate for t in tuned.trials if t.candidate.loss_key == trial.candidate.loss_key]
        assert tuned_apart(trial.candidate) == max(map(tuned_apart, tried))


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
    (note,) = (note for note in heard.notes if "beyond the ends" not in note)
    assert ("differ by more than chance here" if matters else "cannot be told apart here") in note
    assert "accuracy" in note
    assert "cross_entropy, the usual loss" in note
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


@pytest.mark.parametrize(("factor", "end"), [(1e-3, "low"), (1e-2, "low"), (30.0, "high"), (100.0, "high")])
def test_a_range_is_widened_while_the_best_lies_at_its_end(task: Task, factor: float, end: str) -> None:
    """Where losses learn best far beyond the range, they are tried there, and candidates are searched there.

    The user is told, and a rate that the steps do not reach is marked as the outermost.
    """
    best_at, heard = 3e-3 * factor, RecordedProgress()

    def quality(candidate: Candidate) -> float:
        return 0.7 - 0.02 * abs(math.log(candidate.recipe.rate / best_at))

    context = context_of(SimulatedRunner(task, quality, own=0), progress=heard)
    tuned = headroom(context)
    before = context.proposer.space.coordinates()["recipe.learning_rate"]
    wider = tuned.wider["recipe.learning_rate"]
    usual = tuned.best["cross_entropy"]
    assert wider.low <= usual.candidate.recipe.rate <= wider.high
    assert (wider.low < before.low) == (end == "low")
    assert (wider.high > before.high) == (end == "high")
    assert any("beyond the ends of recipe.learning_rate (0.0003 to 0.03)" in note for note in heard.notes)
    edge = tuned.at_edge[usual.candidate.loss_key]
    assert [one.end for one in edge] == ([end] if factor == 1e-3 else [])
    opened = in_extended_space(context, SPACE, tuned, "random")
    rates = [candidate.recipe.rate for candidate in opened.proposer.ask(64)]
    assert any(rate < before.low for rate in rates) == (end == "low")
    assert any(rate > before.high for rate in rates) == (end == "high")


@pytest.mark.parametrize(
    ("name", "domain", "best_at"),
    [
        ("weight_decay", Domain(1e-4, 1e-2, log=True), 1e-1),
        ("weight_decay", Domain(1e-4, 1e-2, log=True), 1e-6),
        ("momentum", Domain(0.5, 0.9), 1.0),
        ("clip", Domain(0.5, 5, log=True), 100.0),
        ("stop_after", Domain(0.5, 0.8), 1.0),
    ],
)
def test_other_numbers_of_the_recipe_are_widened_too(
    task: Task, name: str, domain: Domain, best_at: float
) -> None:
    """What is best beyond its range is tried and searched there, as far as a training is defined."""
    space = replace(SPACE, domains={**SPACE.domains, f"recipe.{name}": domain})

    def quality(candidate: Candidate) -> float:
        value = getattr(candidate.recipe, name)
        off = math.log(value / best_at) if domain.log else value - best_at
        return float(0.7 - 0.1 * abs(off))

    context = context_of(SimulatedRunner(task, quality, own=0), space=space, plan=replace(PLAN, rates=5))
    wider = headroom(context).wider[f"recipe.{name}"]
    assert (wider.low < domain.low, wider.high > domain.high) == (best_at < domain.low, best_at > domain.high)
    assert wider.high < 1 or name != "momentum"
    assert wider.high <= 1 or name != "stop_after"


def test_a_flat_metric_widens_nothing(task: Task) -> None:
    """Where only noise tells the rates apart, ranges stay as they are."""
    tuned = headroom(context_of(SimulatedRunner(task, lambda c: 0.7, own=0)))
    assert tuned.wider == {}


def test_the_usual_loss_competes_with_its_cut_off_tuned(decided: Task) -> None:
    """Where the metric reads decisions: over every rate, and the leading losses at their best coarse one."""
    runner = SimulatedRunner(decided)
    tuned = headroom(context_of(runner))
    grid = [c for c in runner.trained[0][0] if c.cutoff == "tuned"]
    assert {c.standard for c in grid} == {"cross_entropy + tuned cut-off"}
    assert len(grid) == PLAN.rates
    finer = [c for c in runner.trained[1][0] if c.cutoff == "tuned"]
    assert len({c.standard for c in finer}) >= 3
    assert tuned.best["cross_entropy"].candidate.cutoff == "fixed"
    assert tuned.best["cross_entropy + tuned cut-off"].candidate.cutoff == "tuned"
    assert len({t.candidate.key for t in tuned.trials}) == len(tuned.trials)
