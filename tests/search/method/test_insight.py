"""Insight tells what the winner owes its parts, and looks at no test data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lossmith.search import Candidate, Task
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.method.insight import insight
from lossmith.search.method.race import race
from lossmith.search.records import Insight
from lossmith.spaces import Domain, Space

from ..simulation import PLAN, JsonLedger, SimulatedRunner, context_of, is_standard

SPACE = Space(
    "multiclass",
    {"focal.gamma": Domain(0.5, 4), "gce.q": Domain(0.1, 0.6), "mix.gce": Domain(0.1, 1, log=True)},
    {"focal": 0.7},
    {"mix.cross_entropy": 1.0},
)


def earned(candidate: Candidate) -> float:
    """Focal modulation is worth .1 and gce nothing; standard losses get none of it."""
    if is_standard(candidate):
        return 0.5
    return (
        0.6
        + 0.1 * ("focal" in candidate.spec.parts)
        - 0.01 * (candidate.spec.parameters.get("focal.gamma", 2) - 2) ** 2
    )


def looked(runner: SimulatedRunner, **context: Any) -> Insight:
    """What insight says after a whole search."""
    made = context_of(
        runner, space=SPACE, **{"plan": replace(PLAN, trials=48, contenders=8, seeds=16), **context}
    )
    tuned = headroom(made)
    explored = explore(made, tuned.trials)
    return insight(made, tuned, race(made, tuned, explored), explored)


@pytest.fixture(scope="module")
def told(task: Task) -> Insight:
    """Insight of a search whose winner owes all to focal."""
    return looked(SimulatedRunner(task, earned, own=0.002))


def test_a_part_is_worth_what_the_loss_loses_without_it(told: Insight) -> None:
    """Focal, worth .1, comes first with an interval that holds it and is clear of zero."""
    first = told.ablation[0]
    assert first.part == "focal"
    assert first.ci_low > 0
    assert first.difference == pytest.approx(0.1, abs=0.02)


def test_every_part_is_switched_off_once(told: Insight) -> None:
    """No part twice, and never the last term."""
    parts = [row.part for row in told.ablation]
    assert len(parts) == len(set(parts))


def test_what_decided_is_important(told: Insight) -> None:
    """Shares add up to one; of the searched numbers those of focal count most, the weight of gce little."""
    shares = told.importance
    assert sum(shares.values()) == pytest.approx(1)
    focal = sum(share for name, share in shares.items() if name.startswith("focal"))
    assert focal > shares["mix.gce"] + shares["gce.q"]


def test_parameters_are_moved_both_ways(told: Insight) -> None:
    """Values in order, the winner's own among them, each with a score and its spread."""
    assert "recipe.learning_rate" in told.sensitivity
    for rows in told.sensitivity.values():
        values = [row.value for row in rows]
        assert values == sorted(values)
        assert len(set(values)) == len(values) >= 2
        assert all(row.sd is not None and row.sd >= 0 for row in rows)


def test_test_data_are_not_touched(task: Task) -> None:
    """Insight trains and never tests."""
    runner = SimulatedRunner(task, earned)
    looked(runner)
    assert runner.refitted == 0


@pytest.mark.parametrize("race_seeds", [2, 4, 12])
def test_insight_has_repeats_of_its_own(task: Task, race_seeds: int) -> None:
    """However many repeats a race has, none of them is among those on which its winner is taken apart."""
    runner = SimulatedRunner(task, earned)
    looked(runner, plan=replace(PLAN, trials=48, contenders=8, seeds=16, race_seeds=race_seeds))
    *before, (_, repeats) = runner.trained
    seen = [repeat for _, some in before for repeat in some]
    assert {r.seed for r in repeats}.isdisjoint({r.seed for r in seen})
    assert {r.partition for r in repeats}.isdisjoint({r.partition for r in seen})


def test_insight_is_a_small_share_of_a_search(task: Task) -> None:
    """It trains at most an eighth of what was trained before it, and the losses beside which it looks."""
    runner = SimulatedRunner(task, earned)
    looked(runner)
    *before, (candidates, repeats) = runner.trained
    spent = sum(len(losses) * len(some) for losses, some in before)
    assert len(candidates) * len(repeats) <= max(spent / 8, 3 * len(repeats))


def test_without_a_searched_loss_there_is_nothing_to_take_apart(task: Task) -> None:
    """Where every searched loss diverged, insight still draws the curves of the standard losses."""
    told = looked(SimulatedRunner(task, earned, diverges=lambda c, r: not is_standard(c)))
    assert told.ablation == ()
    assert told.sensitivity == {}
    assert told.subject is None
    assert told.curves


def test_insight_is_read_from_the_ledger(task: Task) -> None:
    """A second run trains nothing."""
    ledger, runner = JsonLedger(), SimulatedRunner(task, earned)
    first = looked(runner, ledger=ledger)
    count = len(runner.trained)
    assert looked(runner, ledger=ledger) == first
    assert len(runner.trained) == count
