"""Programs elsewhere: what comes of them is what comes of programs here, wherever they are interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import pytest
import torch
from torch import nn

from lossmith.search import Repeat, Task
from lossmith.search.records import RungSchedule
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.program import WorkerError
from lossmith.search.training.ray.remote_program import (
    ReplayedProgram,
    TooLargeError,
    WorkItem,
    WorkResult,
    execute,
)
from lossmith.search.training.scored_program import program_maker

from ..small_tasks import mlp, standards, task_of

MODELS: dict[str, Callable[[], nn.Module]] = {
    "plain": mlp(),
    "dropout": mlp(3, lambda: nn.Dropout(0.3)),
    "batch norm": mlp(3, lambda: nn.BatchNorm1d(8)),
}


@dataclass
class Workers:
    """Does every work item here, from its payload alone, as a worker would. `limit`: members one holds."""

    task: Task
    engine: str
    limit: int = 10**9
    works: list[WorkItem] = field(default_factory=list)
    turn: Lock = field(default_factory=Lock)  # the workers of a cluster do not share a generator; these would

    def __call__(self, work: WorkItem) -> WorkResult:
        """One work item."""
        self.works.append(work)
        if len(work.arguments[0]) > self.limit:
            raise TooLargeError("out of memory")
        with self.turn:
            return execute(work, program_maker(self.task, self.engine, 1, 0), lambda: None)


@dataclass
class RemotePool:
    """Makes remote programs for a trainer."""

    workers: Workers
    joinable = False
    holds: int | None = None

    def size(self) -> int:
        """Two at a time."""
        return 2

    def program(self, worker: int, *arguments: Any) -> ReplayedProgram:
        """A program of these arguments."""
        return ReplayedProgram(self.workers, arguments)

    def forget(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to close."""


def trainers(task: Task, engine: str, **more: Any) -> tuple[Trainer, Trainer, Workers]:
    """One that trains here, one that trains elsewhere, and the workers there."""
    workers = Workers(task, engine, **more)
    pool = RemotePool(workers)
    here = Trainer(task, folds=1, engine=engine, workers=1)
    return here, Trainer(task, folds=1, engine=engine, pool=pool), workers


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS)
def test_a_cohort_elsewhere_ends_as_one_here(model: str, engine: str) -> None:
    """Outcomes, rungs and test scores are equal, bit for bit, for every engine and kind of model."""
    task = task_of(model=MODELS[model])
    here, elsewhere, _ = trainers(task, engine)
    losses, repeats, rungs = standards(task.kind, task.settings), (Repeat(0), Repeat(1)), RungSchedule((1, 2))
    assert elsewhere.train(losses, repeats, rungs) == here.train(losses, repeats, rungs)
    one, other = elsewhere.test(losses, repeats), here.test(losses, repeats)
    assert torch.equal(one.scores, other.scores)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_item_goes_on_from_the_last_rung(engine: str) -> None:
    """After a rung a work item carries its program's state and trains what is left alone."""
    task = task_of()
    _, elsewhere, workers = trainers(task, engine)
    elsewhere.train(standards(task.kind, task.settings), (Repeat(0),), RungSchedule((1,)))
    later = [work for work in workers.works if work.state is not None]
    assert later
    assert all(sum(a[0] for m, a in work.calls if m == "train") == 2 for work in later)


def test_a_item_that_is_too_large_is_halved() -> None:
    """Where no worker has the memory, half the width does, and the outcomes are the same."""
    task = task_of()
    here, elsewhere, workers = trainers(task, "cohort", limit=3)
    losses, repeats = standards(task.kind, task.settings), (Repeat(0),)
    for rungs in (None, RungSchedule((1, 2))):
        assert elsewhere.train(losses, repeats, rungs) == here.train(losses, repeats, rungs)
    assert max(len(work.arguments[0]) for work in workers.works) > 3


def test_a_single_member_that_is_too_large_is_an_error() -> None:
    """What cannot be halved any more ends the training with its reason."""
    task = task_of()
    _, elsewhere, _ = trainers(task, "cohort", limit=0)
    with pytest.raises(WorkerError, match="out of memory"):
        elsewhere.train(standards(task.kind, task.settings), (Repeat(0),))
