"""Training on this machine: which engine, and worker processes or threads."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import UserError
from lossmith.search import Plan, Repeat, Task
from lossmith.search.records import RungSchedule
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines.device import Hardware
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.local import local
from lossmith.search.training.program import Stopped, WorkerError
from lossmith.search.training.workers.process_pool import ProcessPool, can_fork

from ..small_tasks import FEATURES, data, drawn, mlp, outcomes_of, standards, task_of

PLAN = Plan(folds=2)
REPEATS = (Repeat(0), Repeat(1))


class Recurrent(nn.Module):
    """An LSTM over the features as a sequence, which torch.func cannot stack."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, 3) of inputs (N, FEATURES)."""
        states, _ = self.body(inputs.unsqueeze(-1))
        logits: Tensor = self.head(states[:, -1])
        return logits


class Deciding(nn.Linear):
    """Takes a branch on its outputs."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, of which the sum is never below zero."""
        outputs = super().forward(inputs)
        return -outputs if outputs.sum() < 0 else outputs


class DecidingInEvaluation(Deciding):
    """Takes the branch in evaluation only."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits; where it is not training, of a sum not below zero."""
        return nn.Linear.forward(self, inputs) if self.training else super().forward(inputs)


class Untyped(nn.Linear):
    """Fails under torch.func with an error of Python's own."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, unless the weight is not quite a tensor."""
        if torch._C._functorch.is_batchedtensor(self.weight):
            raise TypeError("this is\nno tensor")
        return super().forward(inputs)


OBSTACLES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "recurrent": (Recurrent, "lstm"),
    "a branch": (lambda: Deciding(FEATURES, 3), "control flow"),
    "a branch in evaluation": (lambda: DecidingInEvaluation(FEATURES, 3), "control flow"),
    "an error of its own": (lambda: Untyped(FEATURES, 3), "no tensor"),
}


@pytest.fixture
def made() -> Iterator[Callable[..., Trainer]]:
    """Makes local runners, and ends their processes after the test."""
    runners: list[Trainer] = []

    def make(task: Task, engine: str = "auto", **more: Any) -> Trainer:
        runners.append(local(task, PLAN, engine, **more))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_models_that_cannot_be_stacked_go_to_the_loop_engine(
    made: Callable[..., Trainer], obstacle: str
) -> None:
    """`auto` finds out before the search begins, says why in one line, and the loop engine trains them."""
    model, reason = OBSTACLES[obstacle]
    task, notes = task_of(model=model), list[str]()
    runner = made(task, note=notes.append)
    assert runner.engine == "loop"
    (note,) = notes
    assert note.startswith("engine loop: this model cannot be stacked")
    assert reason in note
    assert len(note.splitlines()) == 1
    (outcome,) = outcomes_of(runner.train(standards("multiclass", task.settings)[:1], REPEATS[:1]))
    assert outcome.state == "complete"


@pytest.mark.parametrize(
    "model",
    [
        mlp(),
        mlp(3, nn.Tanh, lambda: nn.Dropout(0.1)),
        mlp(3, lambda: nn.BatchNorm1d(8)),
        mlp(3, lambda: nn.LayerNorm(8), nn.GELU),
    ],
)
def test_models_that_can_be_stacked_go_to_the_cohort_engine(
    made: Callable[..., Trainer], model: Callable[[], nn.Module]
) -> None:
    """`auto` says nothing then."""
    notes: list[str] = []
    assert made(task_of(model=model), note=notes.append).engine == "cohort"
    assert notes == []


def test_the_cohort_engine_cannot_be_forced_on_a_model(made: Callable[..., Trainer]) -> None:
    """`engine: cohort` for a model that cannot be stacked is a mistake, with the remedy."""
    with pytest.raises(UserError) as caught:
        made(task_of(model=Recurrent), "cohort")
    assert len(str(caught.value).splitlines()) == 1
    for word in ("engine", "cohort", "lstm", "auto"):
        assert word in str(caught.value)


def test_engines_can_be_chosen(made: Callable[..., Trainer]) -> None:
    """An engine by its name, and an unknown one is refused."""
    assert made(task_of(), "loop").engine == "loop"
    assert made(task_of(), "cohort").engine == "cohort"
    with pytest.raises(UserError, match="unknown engine 'cohorts': did you mean cohort"):
        made(task_of(), "cohorts")


def test_looking_at_a_model_leaves_everything_as_it_was() -> None:
    """The trial step draws nothing from the global generator."""
    task = task_of(model=mlp(3, lambda: nn.Dropout(0.1)))
    before = torch.get_rng_state()
    assert ENGINES["cohort"].obstacle(task, Hardware()) is None
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("validation", ["given", "folds"])
def test_both_engines_score_alike(made: Callable[..., Trainer], validation: str) -> None:
    """Every trial's score from `engine: cohort` and `engine: loop` agrees to within two validation samples.

    In float32, with the usual recipe, standard and random losses, and rungs that prune.
    """
    parts: dict[str, Any] = (
        {} if validation == "given" else {"validation": None, "train": data("multiclass", 120, 0)}
    )
    task = task_of(metric="accuracy", recipe={"epochs": 3, "batch_size": 32}, **parts)
    losses = [*standards("multiclass", task.settings), *drawn("multiclass", task.settings, 4)]
    cohort, loop = (
        outcomes_of(made(task, name).train(losses, REPEATS, RungSchedule((1,))))
        for name in ("cohort", "loop")
    )
    held = 40 if validation == "given" else 60
    for one, other in zip(cohort, loop, strict=True):
        assert one.rungs[0][1] == pytest.approx(other.rungs[0][1], abs=2 / held)
        if one.epochs == other.epochs:
            assert one.scores == pytest.approx(other.scores, abs=2 / held)


def test_processes_and_threads_train_alike(made: Callable[..., Trainer]) -> None:
    """Worker processes give bit for bit what threads give, scores and outputs, with dropout too."""
    for model in (mlp(), mlp(3, lambda: nn.Dropout(0.2))):
        task = task_of(model=model, recipe={"epochs": 2, "batch_size": 32})
        losses = standards("multiclass", task.settings)[:6]
        processes = made(task)
        threads = Trainer(task, folds=PLAN.folds, workers=processes.workers)
        assert (processes.pool is None) == (processes.workers == 1 or not can_fork())
        for rungs in (None, RungSchedule((1,))):
            assert processes.train(losses, REPEATS, rungs) == threads.train(losses, REPEATS, rungs)
        one, other = (runner.test(losses, REPEATS).outputs for runner in (processes, threads))
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


def test_a_runner_can_be_closed_twice(made: Callable[..., Trainer]) -> None:
    """Closing ends the worker processes; closing again does nothing."""
    runner = made(task_of())
    runner.close()
    runner.close()


@pytest.mark.skipif(not can_fork(), reason="worker processes are forked, which is not possible here")
class TestProcessPool:
    """Worker processes themselves."""

    def test_an_error_in_a_worker_arrives(self) -> None:
        """What a worker raises is raised here, in one line."""

        def broken(*_: object) -> Any:
            raise ZeroDivisionError("no\nway")

        pool = ProcessPool(1, broken, threading.Event())
        with pytest.raises(WorkerError, match="ZeroDivisionError: no way"):
            pool.program(0)
        pool.close()

    def test_a_worker_that_dies_is_an_error(self) -> None:
        """Killed from outside, as by a system out of memory, it does not leave the search waiting."""
        pool = ProcessPool(2, lambda *_: os.kill(os.getpid(), signal.SIGKILL), threading.Event())
        with pytest.raises(MemoryError, match="a worker process was killed"):
            pool.program(1)
        pool.close()

    def test_a_call_ends_when_the_search_is_stopped(self) -> None:
        """A worker that is busy does not keep a search that is being stopped."""
        stop = threading.Event()
        pool = ProcessPool(1, lambda *_: threading.Event().wait(), stop)
        stop.set()
        with pytest.raises(Stopped):
            pool.program(0)
