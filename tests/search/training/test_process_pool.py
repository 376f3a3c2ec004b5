"""Worker processes: the same results as in one process, and clear words when a worker is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest
import torch
from torch import nn

from lossmith.search import Repeat, Task
from lossmith.search.records import EngineChoice, RungSchedule
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.program import Stopped, WorkerError, WorkerPool
from lossmith.search.training.scored_program import program_maker
from lossmith.search.training.workers.process_pool import ProcessPool

from ..small_tasks import mlp, outcomes_of, standards, task_of

REPEATS = (Repeat(0), Repeat(1), Repeat(2))


def pids(pool: WorkerPool) -> list[int]:
    """The process of each worker."""
    assert isinstance(pool, ProcessPool)
    return [worker.pid for worker in pool._workers]


@pytest.fixture(params=["plain", "dropout"])
def task(request: pytest.FixtureRequest) -> Task:
    """A task whose model draws random numbers in training, and one whose model does not."""
    between = (lambda: nn.Dropout(0.3),) if request.param == "dropout" else ()
    return task_of(model=mlp(3, *between))


@pytest.fixture
def pooled(task: Task) -> Iterator[Trainer]:
    """A trainer with two worker processes."""
    stop = Event()
    pool = ProcessPool(2, program_maker(task, "cohort", 1, 0), stop)
    yield Trainer(task, folds=1, workers=2, stop=stop, pool=pool)
    pool.close()


def test_workers_give_the_outcomes_of_one_process(task: Task, pooled: Trainer) -> None:
    """Trained in worker processes, a cohort ends as in one process, outputs but for rounding."""
    candidates = standards(task.kind, task.settings)
    alone = Trainer(task, folds=1, workers=1)
    rungs = RungSchedule((1,))
    assert pooled.train(candidates, REPEATS, rungs) == alone.train(candidates, REPEATS, rungs)
    one, other = (runner.test(candidates, REPEATS).outputs for runner in (pooled, alone))
    assert one is not None
    assert other is not None
    assert torch.allclose(one, other, rtol=0, atol=1e-6)


def test_a_worker_that_is_killed_costs_half_the_width(task: Task, pooled: Trainer) -> None:
    """What the system's killer takes is replaced; the cohort ends as undisturbed, in narrower programs."""
    assert pooled.pool is not None
    candidates, width, killed = standards(task.kind, task.settings), pooled.width(), pids(pooled.pool)[0]
    os.kill(killed, signal.SIGKILL)
    outcomes = outcomes_of(pooled.train(candidates, REPEATS))
    assert outcomes == outcomes_of(Trainer(task, folds=1, workers=1).train(candidates, REPEATS))
    assert pooled.width() < width
    assert killed not in pids(pooled.pool)


def test_a_worker_killed_between_two_calls_takes_its_programs_along(task: Task, pooled: Trainer) -> None:
    """A program of a killed worker is not looked for in the one that took its place."""
    assert pooled.pool is not None
    candidates = dict(enumerate(standards(task.kind, task.settings)))
    one, two = (pooled.pool.program(0, candidates, (r,), False) for r in REPEATS[:2])  # noqa: FBT003
    os.kill(pids(pooled.pool)[0], signal.SIGKILL)
    for program in (one, two, one):
        with pytest.raises(MemoryError, match=r"worker process .*was killed"):
            program.train(1)
    pooled.pool.forget()  # and nobody minds that there is nothing to forget
    pooled.pool.program(0, candidates, REPEATS[:1], False).train(1)  # noqa: FBT003


class Quits(nn.Linear):
    """Ends its process in training."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Nothing comes of it."""
        if self.training and multiprocessing.parent_process() is not None:
            os._exit(3)
        return super().forward(inputs)


def test_a_worker_that_ends_itself_is_an_error_that_says_so() -> None:
    """A worker that nobody killed ends the training with an error that names its exit status."""
    task, stop = task_of(model=lambda: Quits(6, 3)), Event()
    pool = ProcessPool(1, program_maker(task, "cohort", 1, 0), stop)
    with pytest.raises(WorkerError, match=r"worker process died \(exit status 3\)"):
        Trainer(task, folds=1, workers=1, stop=stop, pool=pool).train(
            standards(task.kind, task.settings), REPEATS
        )
    pool.close()


def test_a_worker_that_raises_tells_what(task: Task, pooled: Trainer) -> None:
    """What goes wrong in a worker arrives in the search's process with its kind and its words."""
    assert pooled.pool is not None
    program = pooled.pool.program(0, {7: standards(task.kind, task.settings)[0]}, (Repeat(0),), False)  # noqa: FBT003  (a message)
    with pytest.raises(WorkerError, match="no attribute 'no_such_method'"):
        program.call("no_such_method")


def test_a_crew_that_is_stopped_ends_its_calls(task: Task, pooled: Trainer) -> None:
    """Once a stop is asked for, training raises Stopped and the worker processes are gone."""
    assert pooled.pool is not None
    pooled.stop.set()
    with pytest.raises(Stopped):
        pooled.train(standards(task.kind, task.settings), REPEATS)
    for pid in pids(pooled.pool):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_survivors_in_a_worker_go_on_in_one_program(task: Task, pooled: Trainer) -> None:
    """Programs of four members, joined in their workers at a rung, give the outcomes of one process."""
    candidates = standards(task.kind, task.settings)
    choice = EngineChoice("cohort", 4, "as the test has it")
    narrow = outcomes_of(replace(pooled, choice=choice).train(candidates, REPEATS[:1], RungSchedule((1, 2))))
    wide = outcomes_of(Trainer(task, folds=1, workers=1).train(candidates, REPEATS[:1], RungSchedule((1, 2))))
    for one, other in zip(narrow, wide, strict=True):
        assert (one.state, one.epochs) == (other.state, other.epochs)
        assert one.scores == pytest.approx(other.scores, rel=1e-5)  # float32, products of another width
