"""What the package ships for others to test with is what its own tests use."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
import torch
from torch import nn

from lossmith.losses import standard_specs
from lossmith.search import Candidate, MemoryLedger, Plan, Repeat, Task, TrainingFunction, TrialHandle
from lossmith.search.records import Ledger, RungSchedule
from lossmith.search.testing import EngineSuite, JsonLedger, LedgerSuite, RunnerSuite, SimulatedRunner
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines.engine import Engine
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.functions import FunctionTrainer, rehearsed
from lossmith.search.training.functions.execute import in_process
from lossmith.search.training.local import local
from lossmith.search.training.runner import Runner

from .simulation import by_rate
from .small_tasks import outcomes_of, task_of


class TestEveryEngine(EngineSuite):
    """What every engine keeps to."""

    name: str

    @pytest.fixture(autouse=True, params=sorted(ENGINES))
    def chosen(self, request: pytest.FixtureRequest) -> None:
        """Each engine in turn."""
        self.name = request.param

    def make(self) -> Engine:
        """The engine of that name."""
        return ENGINES[self.name]


class TestTrainer(RunnerSuite):
    """Threads keep to what every runner keeps to, whatever the engine."""

    name: str

    @pytest.fixture(autouse=True, params=sorted(ENGINES))
    def chosen(self, request: pytest.FixtureRequest) -> None:
        """Each engine in turn."""
        self.name = request.param

    def make(self, task: Task) -> Runner:
        """Two programs at a time."""
        return Trainer(task, engine=self.name, workers=2)


class TestLocalRunner(RunnerSuite):
    """Worker processes keep to it too."""

    @pytest.fixture(autouse=True)
    def closing(self) -> Iterator[None]:
        """End the worker processes after each test."""
        self.made: list[Trainer] = []
        yield
        for runner in self.made:
            runner.close()

    def make(self, task: Task) -> Runner:
        """The runner of a search on this machine."""
        self.made.append(local(task, Plan()))
        return self.made[-1]


class TestFunctionTrainer(RunnerSuite):
    """A user's own function, trained in this process, keeps to what a task's trainer does."""

    def make(self, task: Task) -> Runner:
        """A plain loop over the task's own data."""

        def train(loss: nn.Module, trial: TrialHandle) -> float:
            model = task.build(trial.seed)
            optimizer = torch.optim.Adam(model.parameters(), lr=trial.learning_rate)
            inputs, targets = task.train
            held = task.validation if trial.part == "validation" else task.test
            assert held is not None
            score = 0.0
            for epoch in range(trial.recipe.epochs):
                for rows in torch.randperm(len(targets)).split(trial.recipe.batch_size):
                    optimizer.zero_grad()
                    loss(model(inputs[rows]), targets[rows]).backward()
                    optimizer.step()
                score = float(task.measure(model(held[0]).detach()[None], held[1])[0])
                trial.report(epoch, score)
            return score

        training = TrainingFunction(train, task.kind, task.metric, recipe=task.settings)
        stop = Event()
        return FunctionTrainer(rehearsed(training), in_process(training, stop), stop=stop)


class TestSimulatedRunner(RunnerSuite):
    """The runner that the tests of the method rest on keeps to what the real ones do."""

    def make(self, task: Task) -> Runner:
        """Losses differ by their learning rates alone."""
        return SimulatedRunner(task, by_rate)


class TestMemoryLedger(LedgerSuite):
    """What lasts as long as the process."""

    def make(self) -> Ledger:
        """An empty one."""
        return MemoryLedger()


class TestJsonLedger(LedgerSuite):
    """What is kept as text."""

    def make(self) -> Ledger:
        """An empty one."""
        return JsonLedger()


def test_the_simulated_runner_keeps_a_share_of_those_that_began() -> None:
    """Where half diverged, a rung for half drops nobody; who is left, and who not, has its score there."""
    task = task_of()
    spec = next(iter(standard_specs(task.kind).values()))
    candidates = [Candidate(spec, task.settings.with_rate(1e-3 * (i + 1))) for i in range(8)]
    runner = SimulatedRunner(task, by_rate, diverges=lambda candidate, _: candidate in candidates[:4])
    last = task.settings.epochs
    found = outcomes_of(runner.train(candidates, [Repeat(0)], RungSchedule((last - 1,)), n_resamples=3))
    assert [outcome.state for outcome in found] == ["diverged"] * 4 + ["complete"] * 4
    assert [len(outcome.rungs) for outcome in found] == [0] * 4 + [1] * 4
    fewer = outcomes_of(runner.train(candidates[4:], [Repeat(0)], RungSchedule((last - 1,))))
    assert sorted(outcome.state for outcome in fewer) == ["complete"] * 2 + ["pruned"] * 2
