# ruff: noqa: ARG001  (a training function takes what it is given)
"""One training of a user's own function: what it is given, and what is made of what it says."""

from __future__ import annotations

import contextlib
import copy
import math
import pickle
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import UserError, standard_spec
from lossmith.search import Candidate, Recipe, Repeat, TrainingFunction, TrialHandle
from lossmith.search.training.functions.job import FunctionJob, run_training, trial_handle

from .small_trainings import candidates, made


def test_candidates_of_a_repeat_share_every_random_stream() -> None:
    """torch, NumPy and random draw the same in every candidate's training, others on another seed."""
    drawn: list[tuple[float, float, float, int]] = []

    def draws(loss: nn.Module, trial: TrialHandle) -> float:
        drawn.append((float(torch.rand(())), float(np.random.rand()), random.random(), trial.seed))  # noqa: NPY002
        return 0.5

    training = TrainingFunction(draws, "multiclass", class_counts=[3, 3])
    for candidate, repeat in ((0, 0), (1, 0), (0, 1)):
        run_training(training, FunctionJob(candidates(0.1, 0.2)[candidate], Repeat(repeat), seed=7))
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_the_streams_of_the_process_are_left_alone() -> None:
    """A training inside a notebook does not move the notebook's own random numbers."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_training(made(), FunctionJob(candidates(0.1)[0], Repeat(0), seed=7))
    assert torch.equal(torch.rand(3), expected)


def test_a_trial_ends_at_the_report_it_is_wanted_for() -> None:
    """A training wanted for three reports stops in the third, past the script's `except Exception`."""

    def stubborn(loss: nn.Module, trial: TrialHandle) -> float:
        for epoch in range(10):
            with contextlib.suppress(Exception):
                trial.report(epoch, epoch / 10)
        return 1.0

    training = TrainingFunction(stubborn, "multiclass", class_counts=[3, 3])
    result = run_training(training, FunctionJob(candidates(0.1)[0], Repeat(0), seed=0, reports=3))
    assert result.curve == ((0, 0.0), (1, 0.1), (2, 0.2))
    assert result.value == 0.2
    assert result.fault is None


def test_a_trial_that_stops_early_is_told_fewer_epochs() -> None:
    """A loop that trains for `trial.recipe.epochs` stops early without knowing of it."""
    recipe = Recipe(epochs=10, stop_after=0.3)
    job = FunctionJob(Candidate(standard_spec("cross_entropy", "multiclass"), recipe), Repeat(0), seed=0)
    assert trial_handle(job, lambda _epoch, _value: True).recipe == Recipe(epochs=3)


def test_a_loss_follows_the_outputs_to_their_device() -> None:
    """A script that chooses its own device gets a loss whose constants are there too."""
    seen: list[Tensor] = []

    def elsewhere(loss: nn.Module, trial: TrialHandle) -> float:
        outputs = torch.zeros(4, 2, device="meta", requires_grad=True)
        seen.append(loss(outputs, torch.zeros(4, dtype=torch.long, device="meta")))
        return 0.5

    spec = standard_spec("logit_adjustment", "multiclass")
    training = TrainingFunction(elsewhere, "multiclass", class_counts=[3, 1])
    result = run_training(training, FunctionJob(Candidate(spec, Recipe()), Repeat(0), seed=0))
    assert result.fault is None, result.trace
    assert seen[0].device.type == "meta"


def leaves(loss: nn.Module, trial: TrialHandle) -> float:
    """Ends as a script that found its loss not finite."""
    sys.exit(1)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (float("nan"), "nan as the score"),
        (float("-inf"), "-inf as the score"),
        (1e308, "1e+308 as the score"),
        (10**400, "inf as the score"),
        (-(10**400), "-inf as the score"),
        (torch.tensor(float("inf")), "inf as the score"),
    ],
)
def test_a_score_that_cannot_be_compared_is_a_divergence(given: Any, fault: str) -> None:
    """What is not finite, or has no square, ends one trial with its reason, returned or reported."""
    function: Any = lambda _loss, _trial: given  # noqa: E731

    def reports(loss: nn.Module, trial: TrialHandle) -> float:
        trial.report(1, 0.5)
        trial.report(2, given)
        return 1.0

    for train in (function, reports):
        training = TrainingFunction(train, "multiclass", class_counts=[3, 3])
        result = run_training(training, FunctionJob(candidates(0.1)[0], Repeat(0), seed=0))
        assert math.isnan(result.value)
        assert result.fault == fault


def test_a_script_that_exits_has_diverged() -> None:
    """sys.exit in a training is that training's end, with the line it was called from."""
    training = TrainingFunction(leaves, "multiclass", class_counts=[3, 3])
    result = run_training(training, FunctionJob(candidates(0.1)[0], Repeat(0), seed=0))
    assert result.fault == "called sys.exit(1)"
    assert "in leaves" in str(result.trace)


def test_the_loss_can_be_copied_and_sent(tmp_path: Path) -> None:
    """The loss of a trial is deep-copied and pickled like any module, and the copies give its values."""
    seen: list[bool] = []

    def copies(loss: nn.Module, trial: TrialHandle) -> float:
        outputs, targets = torch.randn(6, 2), torch.tensor([0, 1, 0, 1, 1, 0])
        torch.save(loss, tmp_path / "loss.pt")
        saved = torch.load(tmp_path / "loss.pt", weights_only=False)
        others = (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), saved)  # noqa: S301  (our own)
        seen.extend(torch.equal(other(outputs, targets), loss(outputs, targets)) for other in others)
        return 0.5

    for name in ("cross_entropy", "logit_adjustment", "focal"):
        training = TrainingFunction(copies, "multiclass", class_counts=[3, 1])
        candidate = Candidate(standard_spec(name, "multiclass"), Recipe())
        result = run_training(training, FunctionJob(candidate, Repeat(0), seed=0))
        assert result.fault is None, result.trace
    assert seen == [True] * 9


def test_a_report_that_is_no_number_is_refused() -> None:
    """A tuple or None as a report is the user's mistake, said with its type."""
    with pytest.raises(UserError, match=r"trial\.report must be told the metric as one number, but got None"):
        TrialHandle().report(0, None)  # type: ignore[arg-type]
    TrialHandle().report(0, torch.tensor(0.5))  # type: ignore[arg-type]
    TrialHandle().report(0, np.float32(0.5))  # type: ignore[arg-type]
