"""Where a metric reads decisions, a loss that only moves the cut-off wins nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lossmith.search import Candidate, MemoryLedger, Plan, Task, Trial
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.method.pipeline import proposer_for
from lossmith.search.method.race import race
from lossmith.search.method.verdict import verdict
from lossmith.search.records import Repeat, SilentProgress
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.spaces import space_from

pytestmark = pytest.mark.end_to_end  # whole searches, as far as the verdict
PLAN = Plan(
    trials=8, seeds=2, folds=3, width=8, rates=2, contenders=3, race_rounds=3, race_seeds=3, verdict_seeds=4
)


def part(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two clouds that overlap, 8% of the samples in the positive one."""
    draw = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, generator=draw) < 0.08).float()
    return torch.randn(count, 3, generator=draw) + labels[:, None], labels


def imbalanced(**changes: Any) -> Task:
    """A linear model on them, scored by its decisions."""
    given: dict[str, Any] = {
        "name": "imbalanced",
        "kind": "binary",
        "train": part(600, 0),
        "test": part(1500, 1),
        "model": lambda: nn.Linear(3, 1),
        "metric": "balanced_accuracy",
        "recipe": {"epochs": 30, "batch_size": 100, "learning_rate": 0.05},
    }
    return Task(**{**given, **changes})


def context_of(task: Task) -> SearchContext:
    """A search by the product's own trainer."""
    space = space_from("auto", task.kind, task.constants.class_counts)
    runner = Trainer(task, folds=PLAN.folds, workers=1)
    proposer = proposer_for(task, space, PLAN, "random")
    return SearchContext(task, PLAN, proposer, runner, MemoryLedger(), SilentProgress())


@pytest.fixture(scope="module")
def context() -> SearchContext:
    """One search, shared by the tests."""
    return context_of(imbalanced())


def test_bce_with_its_threshold_tuned_is_as_good_as_a_weighted_loss(context: SearchContext) -> None:
    """Plain BCE decides for the common class; with a threshold it meets the losses that move the cut-off."""
    best = headroom(context).best
    plain, tuned = best["bce"].outcome, best["bce + tuned cut-off"].outcome
    weighted = best["weighted_bce"].outcome
    assert plain.score < weighted.score - 0.05
    assert tuned.score > plain.score + 0.05
    assert tuned.score == pytest.approx(weighted.score, abs=0.03)
    (offset,) = tuned.offsets
    assert offset > 1  # a threshold well below one half
    assert plain.offsets == ()


def test_the_winner_gets_a_tuned_cut_off_too(context: SearchContext) -> None:
    """The best searched losses race with their own cut-off and with a tuned one."""
    tuned = headroom(context)
    race(context, tuned, explore(context, tuned.trials))
    unit = context.ledger.find("race", 0)
    assert unit is not None
    assert unit.payload is not None
    twins = [int(number) for number in unit.payload["scores"] if int(number) >= 10**9]
    assert twins
    assert set(unit.payload["offsets"]) >= {str(number) for number in twins}
    assert {str(number - 10**9) for number in twins} <= unit.payload["scores"].keys()


def test_the_verdict_uses_cut_offs_of_held_out_data(context: SearchContext) -> None:
    """On test data the tuned threshold is that of the race, and it lifts BCE as it did there."""
    tuned = headroom(context)
    finalists = race(context, tuned, explore(context, tuned.trials))
    found = verdict(context, tuned, finalists)
    rows = found.against
    assert rows["bce + tuned cut-off"].scores.mean > rows["bce"].scores.mean + 0.05
    trial = tuned.best["bce + tuned cut-off"]
    raced = finalists.offsets[trial.number]
    assert raced == pytest.approx(trial.outcome.offsets, abs=1.0)
    tested = context.runner.test([trial.candidate], [Repeat(0)], lambda _: None)
    assert tested.outputs is not None
    assert found.usual is not None
    assert found.usual.standard == "bce"
    assert found.recommended.standard != "bce"
    assert found.gain is not None
    assert found.gain.ci_low > 0
    assert found.constant == pytest.approx(0.5)


def test_a_trial_keeps_its_cut_off(context: SearchContext) -> None:
    """What a store reads back has the flag and the offsets, and a key of its own."""
    trial = headroom(context).best["bce + tuned cut-off"]
    again = Trial.from_json(trial.to_json())
    assert again == trial
    fixed = replace(trial.candidate, cutoff="fixed")
    assert fixed.key != trial.candidate.key
    plain = Trial.from_json(replace(trial, candidate=fixed).to_json())
    assert plain.candidate == Candidate(fixed.spec, fixed.recipe, fixed.standard)


@pytest.mark.parametrize("metric", ["average_precision", "auroc", "log_loss"])
def test_metrics_that_read_no_decisions_have_no_tuned_rivals(metric: str) -> None:
    """A cut-off changes nothing there, and nobody trains for it."""
    tuned = headroom(context_of(imbalanced(metric=metric)))
    assert {trial.candidate.cutoff for trial in tuned.trials} == {"fixed"}
