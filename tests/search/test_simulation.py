"""The runner that the tests of the phases rest on prunes as the product does."""

from __future__ import annotations

from lossmith.losses import standard_specs
from lossmith.search import Candidate, Repeat
from lossmith.search.records import RungSchedule

from .simulation import SimulatedRunner
from .small_tasks import outcomes_of, task_of


def test_the_simulated_runner_keeps_a_share_of_those_that_began() -> None:
    """Where half diverged, a rung for half drops nobody; who is left, and who not, has its score there."""
    task = task_of()
    spec = next(iter(standard_specs(task.kind).values()))
    candidates = [Candidate(spec, task.settings.with_rate(1e-3 * (i + 1))) for i in range(8)]
    runner = SimulatedRunner(task, diverges=lambda candidate, _: candidate in candidates[:4])
    last = task.settings.epochs
    found = outcomes_of(runner.train(candidates, [Repeat(0)], RungSchedule((last - 1,)), n_resamples=3))
    assert [outcome.state for outcome in found] == ["diverged"] * 4 + ["complete"] * 4
    assert [len(outcome.rungs) for outcome in found] == [0] * 4 + [1] * 4
    fewer = outcomes_of(runner.train(candidates[4:], [Repeat(0)], RungSchedule((last - 1,))))
    assert sorted(outcome.state for outcome in fewer) == ["complete"] * 2 + ["pruned"] * 2
