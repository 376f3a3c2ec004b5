"""What clumsy training functions do: end oddly, misuse the loss, leave things behind, swap arguments."""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from lossmith.losses import LossSpec, UserError
from lossmith.search.records import Candidate, Repeat
from lossmith.search.tasks.functions import Pruned, TrainingFunction, TrialHandle
from lossmith.search.training.functions.job import FunctionJob, run_training
from lossmith.search.training.functions.rehearse import rehearse
from lossmith.search.training.functions.sandbox import sandbox
from lossmith.spaces.recipe import Recipe

INPUTS, LABELS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3


class Stop(BaseException):
    """An error that is no `Exception`."""


def trained(end: Callable[[Any], Any], labels: Any = LABELS) -> TrainingFunction:
    """A function that takes one step and then does something."""

    def train(loss: Any, trial: TrialHandle) -> Any:
        loss(nn.Linear(4, 3)(INPUTS), labels).backward()
        return end(trial)

    return TrainingFunction(train, "multiclass", metric="accuracy", name="odd")


def raising(error: BaseException) -> Callable[[Any], Any]:
    """What raises an error."""

    def end(_: Any) -> Any:
        raise error

    return end


def refusal(training: TrainingFunction) -> str:
    """The line with which a function is refused."""
    with pytest.raises(UserError) as caught:
        rehearse(training)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [Stop("own"), asyncio.CancelledError(), GeneratorExit(), Pruned(), BaseExceptionGroup("g", [Stop()])],
)
def test_whatever_is_raised_is_the_functions(error: BaseException) -> None:
    """What is no `Exception` is refused in the rehearsal, and ends one trial later."""
    training = trained(raising(error))
    assert f"it raised: {type(error).__name__}" in refusal(training)
    candidate = Candidate(LossSpec("multiclass", {"mix.cross_entropy": 1}), Recipe())
    found = run_training(replace(training, class_counts=[4, 4, 4]), FunctionJob(candidate, Repeat(0), 0))
    assert type(error).__name__ in str(found.fault)


@pytest.mark.parametrize("labels", [None, LABELS.tolist(), LABELS.numpy()])
def test_targets_that_are_no_tensor_are_named(labels: Any) -> None:
    """The loss says what it needs, not what its record lacks."""
    assert "targets must be a tensor" in refusal(trained(lambda _: 0.5, labels))


def test_a_batch_that_the_loss_refuses_is_none() -> None:
    """A function that catches the error has not trained with that batch."""

    def train(loss: Any, _: TrialHandle) -> float:
        try:
            loss(nn.Linear(4, 3)(INPUTS), LABELS - 7)
        except UserError:
            return 0.5
        return 0.0

    assert "must train with the loss" in refusal(replace(trained(lambda _: 0.5), train=train))


async def later(_: Any) -> float:
    """A coroutine."""
    return 0.5


@pytest.mark.parametrize("value", [np.bool_(True), torch.tensor(True), np.complex128(0.5)])  # noqa: FBT003
def test_truth_values_and_complex_numbers_are_no_scores(value: Any) -> None:
    """Python would convert them without a word."""
    assert "as one number" in refusal(trained(lambda _: value))


def test_a_coroutine_is_closed() -> None:
    """Nobody waits for it, and nothing is said of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "coroutine" in refusal(trained(later))
    with pytest.raises(UserError, match="async"):
        TrainingFunction(cast("Any", functools.partial(later)), "multiclass")


def test_epoch_and_value_that_are_swapped_are_told() -> None:
    """Other libraries report the value first; fractions of epochs remain."""
    swapped = trained(lambda trial: [trial.report(0.5 + epoch / 10, epoch) for epoch in (1, 2)])
    assert "trial.report(epoch, value)" in refusal(swapped)
    assert (
        rehearse(trained(lambda trial: [trial.report(e / 2, 0.1 * e) for e in (1, 2, 3)] and 0.5)).reports
        == 3
    )


@pytest.mark.parametrize(
    ("change", "read", "said"),
    [
        (lambda: np.seterr(all="raise"), np.geterr, "NumPy"),
        (lambda: sys.setrecursionlimit(5000), sys.getrecursionlimit, "recursion"),
        (
            lambda: multiprocessing.set_start_method("spawn", force=True),
            lambda: multiprocessing.get_start_method(allow_none=True),
            "start method",
        ),
        (
            lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
            lambda: signal.getsignal(signal.SIGTERM),
            "SIGTERM",
        ),
        (
            lambda: logging.root.addHandler(logging.StreamHandler()),
            lambda: list(logging.root.handlers),
            "logger",
        ),
        (lambda: logging.disable(logging.ERROR), lambda: logging.root.manager.disable, "logger"),
        (lambda: warnings.simplefilter("error"), lambda: list(warnings.filters), ""),
    ],
)
def test_what_a_function_sets_for_its_process_is_put_back(
    change: Callable[[], Any], read: Callable[[], Any], said: str
) -> None:
    """The next function in the process finds what this one found."""
    before = read()
    with sandbox(0, "train.py") as traces:
        change()
    assert read() == before
    assert said in " ".join(traces.changes)


@pytest.mark.parametrize(
    ("kind", "settings"), [("multiclass", {"target_scale": 1.0}), ("regression", {"ignore_index": 1})]
)
def test_settings_of_another_kind_are_refused(kind: Any, settings: dict[str, Any]) -> None:
    """What no loss of the kind reads is no setting of it."""
    with pytest.raises(UserError, match="must be left out"):
        TrainingFunction(lambda _, __: 0.5, kind, name="odd", **settings)


def test_class_counts_may_be_an_array() -> None:
    """As counting functions return them."""
    made = TrainingFunction(lambda _, __: 0.5, "multiclass", name="odd", class_counts=np.bincount([0, 1, 1]))  # type: ignore[arg-type]
    assert made.class_counts == [1, 2]
