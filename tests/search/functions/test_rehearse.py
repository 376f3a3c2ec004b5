# ruff: noqa: ARG001  (a training function takes what it is given)
"""What is noticed of a user's training function before a search, and how its mistakes are told."""

from __future__ import annotations

import argparse
import copy
import pickle
import signal
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from lossmith.losses import UserError, standard_spec
from lossmith.losses.custom.user_code import user_traceback
from lossmith.search import TrainingFunction, TrialHandle
from lossmith.search.tasks import Constants
from lossmith.search.training.functions.rehearse import rehearse, rehearsed

from .small_trainings import TARGETS, made, train


def test_a_rehearsal_sees_what_a_function_does() -> None:
    """One training shows the reports, the class counts of one epoch, and what of the trial is read."""
    seen = made().rehearsed
    assert seen.reports == 8
    assert seen.constants == Constants(class_counts=tuple(torch.bincount(TARGETS).tolist()))
    assert seen.read == {"learning_rate", "report"}
    assert not made().tests
    assert made().tunes
    assert not made().folds


def test_class_counts_that_are_given_are_taken() -> None:
    """A user who knows better than the rehearsal is believed."""
    training = made(class_counts=[100, 5])
    assert training.bound(standard_spec("logit_adjustment", "multiclass")).class_counts == (100, 5)


def test_a_rehearsal_in_a_process_of_its_own_says_the_same() -> None:
    """Where workers can be forked the rehearsal leaves this process as it was."""
    training = TrainingFunction(train, "multiclass", metric="accuracy")
    there, here = rehearsed(training, seed=3).rehearsed, rehearse(training, seed=3)
    assert replace(there, seconds=0) == replace(here, seconds=0)


def test_a_dense_task_counts_pixels_and_leaves_out_the_ignored() -> None:
    """For targets (N, H, W) with ignored ones, the counts are those of the pixels that count."""
    labels = torch.randint(3, (6, 4, 4), generator=torch.Generator().manual_seed(1))
    labels[:, 0] = 255

    def segment(loss: nn.Module, trial: TrialHandle) -> float:
        logits = nn.Conv2d(1, 3, 1)(torch.ones(6, 1, 4, 4))
        loss(logits, labels).backward()
        return 0.5

    seen = made(segment, ignore_index=255).rehearsed
    counted = torch.bincount(labels[labels != 255], minlength=3).tolist()
    assert seen.constants.class_counts == tuple(counted)


def test_a_regression_is_given_the_spread_of_its_targets() -> None:
    """The unit in which errors are measured is a robust spread of the targets that were trained on."""
    targets = torch.arange(20.0)

    def fit(loss: nn.Module, trial: TrialHandle) -> float:
        loss(nn.Linear(1, 1)(torch.ones(20, 1)).squeeze(1), targets).backward()
        return 1.0

    training = TrainingFunction(fit, "regression", metric="mae", greater_is_better=False)
    assert rehearse(training).constants.target_scale == pytest.approx(1.4826 * 5, rel=0.01)


def ignores(loss: nn.Module, trial: TrialHandle) -> float:
    """Trains with a loss of its own."""
    return 0.5


def only_looks(loss: nn.Module, trial: TrialHandle) -> float:
    """Calls the loss on its validation data alone."""
    with torch.no_grad():
        loss(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))
    return 0.5


def returning(value: object) -> Any:
    """A training that works but returns this."""

    def train_and_return(loss: nn.Module, trial: TrialHandle) -> Any:
        train(loss, trial)
        return value

    return train_and_return


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (ignores, ("ignores", "never", "call loss(outputs, targets)")),
        (only_looks, ("only without a gradient",)),
        (returning(None), ("must return", "None", "as a float")),
        (returning("0.9"), ("must return", "'0.9'", "str")),
        (returning(float("nan")), ("finite accuracy", "nan", "learning rate")),
    ],
)
def test_what_a_function_gets_wrong_is_said_before_anything_runs(
    function: Any, words: tuple[str, ...]
) -> None:
    """A loss that is ignored, and a score that is none, are one line with rule, value and remedy."""
    with pytest.raises(UserError) as caught:
        made(function, name=getattr(function, "__name__", "own"))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def parses(loss: nn.Module, trial: TrialHandle) -> float:
    """Needs an argument that nobody gives it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.parse_args()
    return 0.5


def exits(loss: nn.Module, trial: TrialHandle) -> float:
    """Ends as a script does."""
    sys.exit("no data")


def interrupts(loss: nn.Module, trial: TrialHandle) -> float:
    """Ends as if somebody had pressed Ctrl-C."""
    raise KeyboardInterrupt


def asks_for_lr(loss: nn.Module, trial: TrialHandle) -> float:
    """Knows the rate by another name."""
    return float(trial.lr)


def reports_nothing(loss: nn.Module, trial: TrialHandle) -> float:
    """Reports an epoch alone."""
    trial.report(3)
    return 0.5


def reports_text(loss: nn.Module, trial: TrialHandle) -> float:
    """Calls an epoch by its name."""
    trial.report("first", 0.5)  # type: ignore[arg-type]
    return 0.5


@pytest.mark.parametrize(
    ("function", "words", "last"),
    [
        (
            parses,
            ("called sys.exit(2)", "required: --data", "give every argument", "default"),
            "SystemExit: 2",
        ),
        (exits, ("called sys.exit('no data')", "return instead"), "SystemExit: no data"),
        (
            asks_for_lr,
            ("'lr'", "did you mean trial.learning_rate?", "(test_rehearse.py, line"),
            "trial.learning_rate",
        ),
        (reports_nothing, ("trial.report(epoch, value)", "got 3 alone"), "got 3 alone"),
        (reports_text, ("the epoch as a number", "'first'"), "write trial.report(epoch, value)"),
    ],
)
def test_a_mistake_in_a_function_is_its_traceback_and_the_rule(
    function: Any, words: tuple[str, ...], last: str
) -> None:
    """One line names the rule and the remedy; the function's frames follow, and the last says why."""
    with pytest.raises(UserError) as caught:
        rehearse(TrainingFunction(function, "multiclass"))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)
    assert f"in {function.__name__}" in caught.value.detail
    assert last in caught.value.detail.splitlines()[-1]


def test_an_interruption_that_code_raises_is_the_functions_own() -> None:
    """In a process that Ctrl-C does not reach, KeyboardInterrupt is one more error of the function."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a worker
    try:
        with pytest.raises(UserError, match=r"it raised: KeyboardInterrupt"):
            rehearse(TrainingFunction(interrupts, "multiclass"))
    finally:
        signal.signal(signal.SIGINT, before)


async def awaits(loss: nn.Module, trial: TrialHandle) -> float:
    """Returns a coroutine."""
    return 0.5


def yields(loss: nn.Module, trial: TrialHandle) -> Any:
    """Returns a generator."""
    yield 0.5


class Trains:
    """A class whose instances would train."""

    def __init__(self, loss: nn.Module, trial: TrialHandle) -> None:
        """Whatever it is given."""

    def __call__(self, loss: nn.Module, trial: TrialHandle) -> float:
        """A score."""
        return 0.5


class AwaitsToo:
    """An instance whose call is a coroutine."""

    async def __call__(self, loss: nn.Module, trial: TrialHandle) -> float:
        """A score, later."""
        return 0.5


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (awaits, "awaits, an async function; give a plain one"),
        (AwaitsToo(), "AwaitsToo, an async function"),
        (yields, "yields, a generator function; return the score"),
        (Trains, "the class Trains; give an instance"),
        ("train.py", "'train.py' of type str"),
    ],
)
def test_what_would_not_train_when_called_is_refused(function: Any, words: str) -> None:
    """A coroutine, a generator and a class return no score, which is said before anything is called."""
    with pytest.raises(UserError, match=r"train must be a function train\(loss, trial\)") as caught:
        TrainingFunction(function, "multiclass")
    assert words in str(caught.value)
    TrainingFunction(Trains(nn.Identity(), TrialHandle()), "multiclass")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])  # noqa: S301
def test_a_copy_of_the_loss_is_the_loss(copied: Any) -> None:
    """A function that trains with a copy of the loss, deep or through a pickle, trains with it."""

    def copies(loss: nn.Module, trial: TrialHandle) -> float:
        return train(copied(loss), trial)

    assert replace(made(copies).rehearsed, seconds=0) == replace(made().rehearsed, seconds=0)


def raises(loss: nn.Module, trial: TrialHandle) -> float:
    """Fails inside torch."""
    return float(nn.Linear(3, 2)(torch.zeros(4, 7)).sum())


def test_an_error_of_theirs_is_shown_as_user_traceback() -> None:
    """The frames are those of their file alone, with the trial's parameters beside them."""
    with pytest.raises(UserError) as caught:
        made(raises)
    assert "RuntimeError" in str(caught.value)
    assert "test_rehearse.py, line" in str(caught.value)
    detail = caught.value.detail
    assert detail.startswith("with learning_rate=0.003, seed=0")
    assert "in raises" in detail
    assert "nn.Linear(3, 2)(torch.zeros(4, 7))" in detail
    assert "site-packages" not in detail
    assert "own/rehearse.py" not in detail


def test_an_error_without_a_frame_of_theirs_is_its_last_line() -> None:
    """What never passed through their files has no traceback of theirs."""
    assert user_traceback(ValueError("just so")) == "ValueError: just so"


def test_labels_that_nobody_gave_are_left_out_by_label() -> None:
    """Multilabel targets of -1 with `ignore_index=-1` train, and each label counts what is known of it."""
    draw = torch.Generator().manual_seed(2)
    inputs = torch.randn(60, 4, generator=draw)
    labels = (inputs[:, :3] > 0).float()
    labels[torch.rand(labels.shape, generator=draw) < 0.3] = -1

    def look(loss: nn.Module, trial: TrialHandle) -> float:
        loss(nn.Linear(4, 3)(inputs), labels).backward()
        return 0.5

    seen = rehearse(TrainingFunction(look, "multilabel", ignore_index=-1))
    counted = [[int((column == answer).sum()) for answer in (0, 1)] for column in labels.T]
    assert seen.constants == Constants(class_counts=tuple(map(tuple, counted)))


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Softmax(1)])
def test_a_training_whose_model_ends_in_probabilities_is_refused(last: nn.Module) -> None:
    """Outputs of a whole epoch in [0, 1] are no logits."""

    def squashed(loss: nn.Module, trial: TrialHandle) -> float:
        loss(last(nn.Linear(4, 3)(torch.randn(60, 4))), torch.arange(60) % 3).backward()
        return 0.5

    with pytest.raises(UserError, match=r"must call the loss with logits.*leave that layer out"):
        rehearse(TrainingFunction(squashed, "multiclass"))
