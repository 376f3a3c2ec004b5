"""A whole search: through every phase, to the same end however often it is interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from torch import nn

from lossmith.losses import Kind
from lossmith.search import Candidate, Conclusion, MemoryLedger, Plan, Task, conduct
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.search.records import Phase, Unit
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.local import local
from lossmith.spaces import Domain, Space

from ..simulation import PLAN, SPACE, JsonLedger, RecordedProgress, SimulatedRunner, ordinary
from ..small_tasks import data, mlp, task_of

pytestmark = pytest.mark.end_to_end

TINY = Plan(
    trials=6, seeds=2, folds=2, width=4, rates=2, contenders=2, race_rounds=2, race_seeds=2, verdict_seeds=3
)


@pytest.fixture(scope="module")
def task() -> Task:
    """Three classes, folded."""
    return task_of(metric="accuracy", validation=None, test=data("multiclass", 400, 2))


def searched(runner: SimulatedRunner, ledger: Any, sampler: str = "auto", plan: Plan = PLAN) -> Conclusion:
    """A simulated search."""
    return conduct(runner.task, SPACE, plan, runner, ledger, RecordedProgress(), sampler)


def plain(conclusion: Conclusion) -> Any:
    """A conclusion as text holds it."""
    return json.loads(
        json.dumps([conclusion.verdict and conclusion.verdict.to_json(), conclusion.reason], allow_nan=False)
    )


def test_a_search_goes_through_its_phases(task: Task) -> None:
    """Headroom, explore, race, verdict and insight, in this order, and a verdict at the end."""
    heard, runner = RecordedProgress(), SimulatedRunner(task)
    conclusion = conduct(task, SPACE, PLAN, runner, MemoryLedger(), heard)
    assert [name for name, _ in heard.phases] == ["headroom", "explore", "race", "verdict", "insight"]
    assert conclusion.reason is None
    assert conclusion.verdict is not None
    assert conclusion.verdict.better


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_may_be_interrupted_after_any_unit(task: Task, sampler: str) -> None:
    """Resumed in a new process, with what the ledger holds as text, it ends as it would have.

    Samplers differ in what they propose, so all but the first are interrupted while exploring alone. What the
    ledger holds is not trained again, and the rest is trained as it would have been.
    """
    whole = JsonLedger()
    runner = SimulatedRunner(task)
    wanted = plain(searched(runner, whole, sampler))
    units = len(whole.texts)
    explored = [after for after, (phase, _) in enumerate(whole.texts) if phase == "explore"]
    for after in range(units) if sampler == "auto" else explored:
        ledger = JsonLedger(after=after)
        first, second = SimulatedRunner(task), SimulatedRunner(task)
        with pytest.raises(KeyboardInterrupt):
            searched(first, ledger, sampler)
        ledger.after = units
        assert plain(searched(second, ledger, sampler)) == wanted
        units_of = list(whole.texts)
        judged = units_of.index(("verdict", 0))
        assert (first.refitted, second.refitted) == (int(after >= judged), int(after <= judged))
        untrained = {("headroom", 2), ("verdict", 0), ("verdict", 1)}
        assert second.trained == runner.trained[sum(key not in untrained for key in units_of[:after]) :]
        for key, text in ledger.texts.items():
            assert json.loads(text)[:2] == json.loads(whole.texts[key])[:2]  # all but the seconds


def test_interruptions_may_follow_each_other(task: Task) -> None:
    """A search that gets one unit further each time ends as one that was let run."""
    wanted = plain(searched(SimulatedRunner(task), JsonLedger()))
    ledger, runner = JsonLedger(after=0), SimulatedRunner(task)
    while True:
        try:
            found = searched(runner, ledger)
        except KeyboardInterrupt:
            ledger.after += 1
        else:
            break
    assert plain(found) == wanted
    assert runner.refitted <= 2


def test_a_finished_search_trains_nothing(task: Task) -> None:
    """Run again with its ledger, a search only reads."""
    ledger = JsonLedger()
    wanted = plain(searched(SimulatedRunner(task), ledger))
    again = SimulatedRunner(task)
    assert plain(searched(again, ledger)) == wanted
    assert again.trained == []
    assert again.refitted == 0


def test_the_seed_decides(task: Task) -> None:
    """The same seed gives the same search, another seed another one."""
    one, again, other = (
        plain(searched(SimulatedRunner(task), JsonLedger(), plan=replace(PLAN, seed=seed)))
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one[0]["winner"] != other[0]["winner"]


def test_headroom_may_end_a_search(task: Task) -> None:
    """With `headroom: stop` and standard losses that are alike, the reason is the conclusion, each time."""
    ledger, plan = JsonLedger(), replace(PLAN, headroom="stop")
    for _ in range(2):
        conclusion = searched(SimulatedRunner(task, lambda c: 0.7), ledger, plan=plan)
        assert conclusion.verdict is None
        assert "headroom: stop" in (conclusion.reason or "")
    assert list(ledger.texts) == [("headroom", 0), ("headroom", 1), ("headroom", 2)]


def space_for(kind: Kind) -> Space:
    """A small space of a kind."""
    if kind == "regression":
        return Space(
            kind, {"huber.delta": Domain(0.1, 10, log=True)}, {"mse": 0.5}, {"mix.mse": 1, "mix.huber": 1}
        )
    return Space(
        kind, {"gce.q": Domain(0.1, 1), "focal.gamma": Domain(0.1, 3)}, {"focal": 0.5}, {"mix.gce": 1.0}
    )


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("multiclass", {}),
        ("multiclass", {"validation": None}),
        ("multiclass", {"model": mlp(3, lambda: nn.Dropout(0.2))}),
        ("binary", {}),
        ("multilabel", {"validation": None}),
        ("regression", {}),
        ("regression", {"validation": None, "metric": "r2"}),
    ],
    ids=["validation", "folds", "dropout", "binary", "multilabel", "regression", "regression with folds"],
)
def test_a_real_search_of_every_kind_ends_with_a_verdict(kind: Kind, changes: dict[str, Any]) -> None:
    """With real training, for every kind of problem: all phases, no NaN in the verdict, the same twice."""
    task = task_of(kind, recipe={"epochs": 2, "batch_size": 32}, **changes)
    found = []
    for _ in range(2):
        ledger = JsonLedger()
        runner = Trainer(task, folds=TINY.folds, workers=2)
        found.append(plain(conduct(task, space_for(kind), TINY, runner, ledger, RecordedProgress())))
        assert sum(phase == "explore" for phase, _ in ledger.texts) == 2
    assert found[0] == found[1]


class UntilTheRace(MemoryLedger):
    """Ctrl-C comes once exploring is over."""

    def find(self, phase: Phase, index: int) -> Unit | None:
        """What is kept, until the race asks."""
        if phase == "race":
            raise KeyboardInterrupt
        return super().find(phase, index)


def test_the_engines_conduct_the_same_search() -> None:
    """One plan and seed, with either engine: every score agrees to within two validation samples of 40.

    Both propose the same losses until a rounding decides otherwise, which in so short a search none does.
    """
    task = task_of(metric="accuracy", recipe={"epochs": 2, "batch_size": 32})
    ledgers: dict[str, MemoryLedger] = {}
    for engine in ("cohort", "loop"):
        ledgers[engine] = UntilTheRace()
        runner = local(task, TINY, engine)
        with pytest.raises(KeyboardInterrupt):
            conduct(task, space_for("multiclass"), TINY, runner, ledgers[engine], RecordedProgress())
        runner.close()
    keys: tuple[tuple[Phase, int], ...] = (("headroom", 0), ("explore", 0), ("explore", 1))
    for key in keys:
        one, other = (ledgers[engine].units[key] for engine in ("cohort", "loop"))
        assert len(one.trials) == len(other.trials) > 0
        for a, b in zip(one.trials, other.trials, strict=True):
            assert a.candidate.key == b.candidate.key
            assert a.outcome.scores == pytest.approx(b.outcome.scores, abs=2 / 40)


def test_an_open_space_takes_in_what_good_standard_losses_have(task: Task) -> None:
    """A part that only the best standard losses have is explored; a closed space stays as it is."""
    heard, ledgers = RecordedProgress(), [MemoryLedger(), MemoryLedger()]
    for space, ledger in zip((replace(SPACE, extensible=True), SPACE), ledgers, strict=True):
        conduct(task, space, PLAN, SimulatedRunner(task, weighted_is_better), ledger, heard)
    explored = [
        {
            name
            for (phase, _), unit in ledger.units.items()
            if phase == "explore"
            for t in unit.trials
            for name in t.candidate.spec.parts
        }
        for ledger in ledgers
    ]
    assert "class_balanced" in explored[0]
    assert "class_balanced" not in explored[1]
    assert len([note for note in heard.notes if "class_balanced are searched too" in note]) == 1


def test_an_interrupted_search_in_an_open_space_ends_as_it_would_have(task: Task) -> None:
    """Resumed after its first cohort, it proposes from the space that was opened before."""

    def searched(ledger: JsonLedger) -> Any:
        runner = SimulatedRunner(task, weighted_is_better)
        return plain(conduct(task, replace(SPACE, extensible=True), PLAN, runner, ledger, RecordedProgress()))

    whole, cut = JsonLedger(), JsonLedger(after=4)
    with pytest.raises(KeyboardInterrupt):
        searched(cut)
    assert ("explore", 0) in cut.texts
    assert ("explore", 2) not in cut.texts
    cut.after = whole.after
    assert searched(cut) == searched(whole)


def weighted_is_better(candidate: Candidate) -> float:
    """Losses with balanced class weights are best; all others are as ever."""
    return 0.8 if "class_balanced" in candidate.spec.parts else ordinary(candidate)
