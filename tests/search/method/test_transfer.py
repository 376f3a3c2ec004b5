"""A found loss is tried on other tasks, against what is tuned there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from lossmith.search import Plan, Task
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.method.pipeline import conduct
from lossmith.search.method.race import Finalists, race
from lossmith.search.method.transfer import transfer
from lossmith.search.method.verdict import verdict
from lossmith.search.metrics import metric_named
from lossmith.search.records import Verdict
from lossmith.spaces import Domain, Space

from ..simulation import JsonLedger, SimulatedRunner, context_of, is_standard
from ..small_tasks import clouds, data, task_of

TINY = Plan(
    trials=6, seeds=2, folds=2, width=6, rates=3, contenders=2, race_rounds=2, race_seeds=2, verdict_seeds=4
)
QUANTILE = Space("regression", {"quantile.tau": Domain(0.85, 0.95)}, {}, {"mix.quantile": 1.0})


@pytest.fixture(scope="module")
def other() -> Task:
    """Two classes in the place of three, folded."""
    return task_of(
        name="elsewhere",
        train=clouds((50, 40), 3),
        validation=None,
        test=clouds((40, 40), 4),
        metric="accuracy",
        recipe={"epochs": 2, "batch_size": 32},
    )


def judged(context: SearchContext) -> Verdict:
    """The verdict of a search that is run to it."""
    return verdict(context, headroom(context), raced(context))


def raced(context: SearchContext) -> Finalists:
    """Everything up to the verdict."""
    tuned = headroom(context)
    return race(context, tuned, explore(context, tuned.trials))


def test_a_loss_is_compared_with_what_is_tuned_elsewhere(task: Task, other: Task) -> None:
    """The other task's metric of both losses, the learning rates they found there, and the difference."""
    context = context_of(SimulatedRunner(task), plan=TINY)
    found = transfer(context, raced(context), [other], judged(context)).to_json()
    row = json.loads(json.dumps(found, allow_nan=False))["transfer"]["elsewhere"]
    own, best = row["scores"]["searched"], row["scores"]["best_standard"]
    assert row["difference"] == pytest.approx(own["mean"] - best["mean"])
    assert row["ci_low"] <= row["difference"] <= row["ci_high"]
    assert 0 < row["p_value"] <= 1
    assert row["repeats"] == len(own["by_repeat"]) == TINY.verdict_seeds
    assert own["learning_rate"] > 0
    assert found["sentence"].endswith(row["sentence"])
    assert "On elsewhere the searched loss is" in row["sentence"]


def test_a_loss_that_suits_another_task_is_better_there() -> None:
    """The quantile loss, found where it is measured, beats every standard loss on skewed data elsewhere.

    The metric does not say that it measures a quantile: a standard loss would predict it.
    """
    metric = replace(metric_named("pinball@0.9"), name="lateness", quantile=None)

    def skewed(name: str, seed: int) -> Task:
        def part(at: int, count: int) -> Any:
            inputs, targets = data("regression", count, at)
            noise = torch.distributions.Exponential(0.5)
            torch.manual_seed(at)
            return inputs, targets + noise.sample((count,))

        return task_of(
            "regression",
            name=name,
            train=part(seed, 200),
            validation=part(seed + 1, 100),
            test=part(seed + 2, 400),
            metric=metric.name,
            own_metric=metric,
            recipe={"epochs": 12, "batch_size": 50, "learning_rate": 0.03},
        )

    here, there = skewed("here", 0), skewed("there", 10)
    runner = SimulatedRunner(here, lambda c: 0.5 if is_standard(c) else 0.3)
    context = context_of(runner, space=QUANTILE, plan=TINY)
    row = transfer(context, raced(context), [there], judged(context)).transfer["there"].to_json()
    assert row["ci_high"] < 0
    assert "is better than the best tuned standard loss" in row["sentence"]


def test_each_task_is_a_unit_of_its_own(task: Task, other: Task) -> None:
    """Interrupted after the first other task, a search goes on with the second, and ends as it would have."""
    others = [other, replace(other, name="further")]

    def searched(ledger: JsonLedger) -> Any:
        runner = SimulatedRunner(task)
        space = context_of(runner).proposer.space
        found = conduct(task, space, TINY, runner, ledger, context_of(runner).progress, others=others).verdict
        return found and found.to_json()

    whole = JsonLedger()
    wanted = searched(whole)
    assert list(wanted["transfer"]) == ["elsewhere", "further"]
    order = list(whole.texts)
    assert order[-3:] == [("transfer", 0), ("transfer", 1), ("insight", 0)]
    ledger = JsonLedger(after=order.index(("transfer", 1)))
    with pytest.raises(KeyboardInterrupt):
        searched(ledger)
    ledger.after = 100
    assert json.loads(json.dumps(searched(ledger))) == json.loads(json.dumps(wanted))


def test_without_a_searched_loss_there_is_nothing_to_transfer(task: Task, other: Task) -> None:
    """Where every searched loss diverged the document stays as it is; so it does without other tasks."""
    context = context_of(SimulatedRunner(task, diverges=lambda c, r: not is_standard(c)), plan=TINY)
    found = judged(context)
    assert transfer(context, raced(context), [other], found) is found
    context = context_of(SimulatedRunner(task), plan=TINY)
    found = judged(context)
    assert transfer(context, raced(context), [], found) is found
