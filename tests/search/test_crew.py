"""Worker processes: the same results as in one process, and clear words when a worker is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Event

import pytest
import torch
from torch import nn

from lossmith.search import Repeat, Task
from lossmith.search.cohort import Rungs, Trainer, program_maker
from lossmith.search.engines.crew import Crew, WorkerError
from lossmith.search.engines.program import Stopped

from .small_tasks import mlp, standards, task_of

REPEATS = (Repeat(0), Repeat(1), Repeat(2))


@pytest.fixture(params=["plain", "dropout"])
def task(request: pytest.FixtureRequest) -> Task:
    """A task whose model draws random numbers in training, and one whose model does not."""
    between = (lambda: nn.Dropout(0.3),) if request.param == "dropout" else ()
    return task_of(model=mlp(3, *between))


@pytest.fixture
def crewed(task: Task) -> Iterator[Trainer]:
    """A trainer with two worker processes."""
    stop = Event()
    crew = Crew(2, program_maker(task, 1, 0), stop)
    yield Trainer(task, folds=1, workers=2, stop=stop, crew=crew)
    crew.close()


def test_workers_give_the_outcomes_of_one_process(task: Task, crewed: Trainer) -> None:
    """Trained in worker processes, a cohort has exactly the outcomes and outputs it has in one process."""
    candidates = standards(task.kind, task.settings)
    alone = Trainer(task, folds=1, workers=1)
    rungs = Rungs((1,))
    assert crewed.train(candidates, REPEATS, rungs) == alone.train(candidates, REPEATS, rungs)
    one, other = (runner.test(candidates, REPEATS).outputs for runner in (crewed, alone))
    assert one is not None
    assert other is not None
    assert torch.equal(one, other)


def test_a_worker_that_dies_is_an_error_that_says_so(task: Task, crewed: Trainer) -> None:
    """A killed worker ends the training with an error that names its exit status."""
    assert crewed.crew is not None
    os.kill(crewed.crew.pids[0], signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"worker process died \(exit status -9\)"):
        crewed.train(standards(task.kind, task.settings), REPEATS)


def test_a_worker_that_raises_tells_what(task: Task, crewed: Trainer) -> None:
    """What goes wrong in a worker arrives in the search's process with its kind and its words."""
    assert crewed.crew is not None
    with pytest.raises(WorkerError, match="KeyError: 'no-such-engine'"):
        crewed.crew.program(0, "no-such-engine", standards(task.kind, task.settings), (Repeat(0),), False)  # noqa: FBT003  (a message)


def test_a_crew_that_is_stopped_ends_its_calls(task: Task, crewed: Trainer) -> None:
    """Once a stop is asked for, training raises Stopped and the worker processes are gone."""
    assert crewed.crew is not None
    crewed.stop.set()
    with pytest.raises(Stopped):
        crewed.train(standards(task.kind, task.settings), REPEATS)
    for pid in crewed.crew.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
