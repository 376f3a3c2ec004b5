# ruff: noqa: ARG001  (a training function takes what it is given)
"""Whatever a training function does to its process, the next training finds it as it was."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lossmith.search import Repeat, TrainingFunction, TrialHandle
from lossmith.search.training.functions.job import FunctionJob, run_training
from lossmith.search.training.functions.sandbox import sandbox

from .small_trainings import candidates, made, train


def _no_gradients() -> None:
    torch.set_grad_enabled(False)


def _float64() -> None:
    torch.set_default_dtype(torch.float64)


def _meta() -> None:
    torch.set_default_device("meta")


def _threads() -> None:
    torch.set_num_threads(torch.get_num_threads() + 1)


def _deterministic() -> None:
    torch.use_deterministic_algorithms(mode=True)


def _environment() -> None:
    os.environ["LOSSMITH_TEST_LEFT_BEHIND"] = "1"
    del os.environ["PATH"]


def _folder() -> None:
    os.chdir("/")


def _arguments() -> None:
    sys.argv.append("--epochs=3")


def _reseeds() -> None:
    torch.manual_seed(42)


CHANGES: dict[str, Callable[[], None]] = {
    "torch's grad mode": _no_gradients,
    "torch's default dtype": _float64,
    "torch's default device": _meta,
    "torch's number of threads": _threads,
    "torch's deterministic algorithms": _deterministic,
    "the environment (LOSSMITH_TEST_LEFT_BEHIND, PATH)": _environment,
    "the working directory": _folder,
    "sys.argv": _arguments,
    "torch's seed": _reseeds,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_function_changes_is_put_back_and_named(name: str) -> None:
    """Each setting of the process is after the call what it was before, and the notes name it once."""

    def messy(loss: nn.Module, trial: TrialHandle) -> float:
        score = train(loss, trial)
        CHANGES[name]()
        return score

    def state() -> tuple[object, ...]:
        drawn = (torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state()))  # noqa: NPY002
        settings = (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_default_device())
        more = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
        kept = {n: v for n, v in os.environ.items() if not n.startswith("TORCHINDUCTOR_")}  # torch sets it
        return (*drawn, *settings, *more, kept, Path.cwd(), list(sys.argv))

    before = state()
    training = made(messy, name="messy")
    assert training.rehearsed.changes == (name,)
    assert f"messy leaves {name} changed, which is put back after each training" in training.notes
    run_training(training, FunctionJob(candidates(0.1)[0], Repeat(0), seed=0))
    assert state() == before


def test_what_a_function_leaves_is_put_back_when_it_raises() -> None:
    """An error between a change and its undoing leaves no trace either."""

    def breaks() -> None:
        with sandbox(0, "train.py"):
            _float64()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert torch.get_default_dtype() == torch.float32


def test_a_function_that_changes_nothing_is_told_nothing() -> None:
    """A training function that leaves its process alone has no note about it."""
    assert not any("put back" in note for note in made().notes)


@pytest.mark.parametrize("how", ["print", "a child process", "a descriptor", "a handler made before"])
def test_nothing_that_a_function_prints_is_seen(capfd: pytest.CaptureFixture[str], how: str) -> None:
    """Standard output belongs to the search's one document, however a function writes there."""
    logger = logging.getLogger("lossmith-test-prints")
    handler = logging.StreamHandler(sys.__stdout__)
    logger.addHandler(handler)

    def prints(loss: nn.Module, trial: TrialHandle) -> float:
        if how == "print":
            print("seen", flush=True)  # noqa: T201
        elif how == "a child process":
            os.system("echo seen")  # noqa: S605, S607
        elif how == "a descriptor":
            os.write(1, b"seen\n")
        else:
            logger.warning("seen")
        return 0.5

    training = TrainingFunction(prints, "multiclass", class_counts=[3, 3])
    run_training(training, FunctionJob(candidates(0.1)[0], Repeat(0), seed=0))
    logger.removeHandler(handler)
    assert "seen" not in capfd.readouterr().out


def test_a_function_does_not_see_the_command_line_of_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that parses arguments finds its own name and none of lossmith's."""
    monkeypatch.setattr(sys, "argv", ["lossmith", "search", "own.yaml", "--json"])
    seen: list[list[str]] = []

    def parses(loss: nn.Module, trial: TrialHandle) -> float:
        seen.append(list(sys.argv))
        return 0.5

    run_training(
        TrainingFunction(parses, "multiclass", class_counts=[3, 3]),
        FunctionJob(candidates(0.1)[0], Repeat(0), seed=0),
    )
    assert seen == [[__file__]]
    assert sys.argv == ["lossmith", "search", "own.yaml", "--json"]
