"""Errors in code that a user brought are shown as their traceback, with the trial's parameters beside it."""

from __future__ import annotations

import pickle
from threading import Event

import pytest
from torch import Tensor, nn

from lossmith.losses import UserError
from lossmith.losses.custom.user_code import in_user_code, user_traceback
from lossmith.search import Repeat
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.scored_program import program_maker
from lossmith.search.training.workers.process_pool import ProcessPool, can_fork

from .small_tasks import FEATURES, standards, task_of


class Breaks(nn.Module):
    """A model that breaks once it has learnt something."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(FEATURES, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, as long as this is a try-out of a few samples."""
        if len(inputs) > 5:
            raise KeyError("hidden bug")
        logits: Tensor = self.layer(inputs)
        return logits


def assert_shown(error: UserError) -> None:
    """One line with the place, and below it their frames alone."""
    assert "KeyError: 'hidden bug'" in str(error)
    assert "test_user_code.py, line" in str(error)
    assert len(str(error).splitlines()) == 1
    assert 'raise KeyError("hidden bug")' in error.detail
    assert "site-packages" not in error.detail
    assert "loop.py" not in error.detail


@pytest.mark.parametrize("engine", ["loop", "cohort"])
def test_a_model_that_breaks_in_training_is_their_error(engine: str) -> None:
    """Whichever engine trains it; the loop engine knows the trial, and names its loss and learning rate."""
    task = task_of(model=Breaks)
    with pytest.raises(UserError) as caught:
        Trainer(task, engine=engine, workers=1).train(standards(task.kind, task.settings)[:1], [Repeat(0)])
    assert_shown(caught.value)
    assert ("recipe.learning_rate=0.003" in caught.value.detail) is (engine == "loop")


@pytest.mark.skipif(not can_fork(), reason="workers are forked")
def test_a_worker_tells_what_broke() -> None:
    """The error that a worker process met arrives with its traceback."""
    task, stop = task_of(model=Breaks), Event()
    pool = ProcessPool(2, program_maker(task, "loop", 1, 0), stop)
    try:
        trainer = Trainer(task, engine="loop", stop=stop, pool=pool)
        with pytest.raises(UserError) as caught:
            trainer.train(standards(task.kind, task.settings)[:1], [Repeat(0)])
    finally:
        pool.close()
    assert_shown(caught.value)


def test_an_error_of_theirs_that_is_told_passes_as_it_is() -> None:
    """A `UserError` keeps its words and its detail, on its way through a pipe too."""
    told = UserError("as it is", detail="more")
    with pytest.raises(UserError) as caught, in_user_code("training failed"):
        raise told
    assert caught.value is told
    assert pickle.loads(pickle.dumps(told)).detail == "more"  # noqa: S301  (from our own worker)


def test_a_traceback_without_frames_of_theirs_is_its_last_line() -> None:
    """There is nothing else to show."""
    try:
        int("x")
    except ValueError as error:
        shown = user_traceback(error.with_traceback(None))
    assert shown == "ValueError: invalid literal for int() with base 10: 'x'"
