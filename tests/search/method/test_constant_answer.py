"""A model that scores no better than a constant answer has learnt nothing, and the user hears of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lossmith.search import Task
from lossmith.search.method.headroom import headroom
from lossmith.search.metrics import metric_named
from lossmith.search.tasks import Subject

from ..functions.small_trainings import made
from ..simulation import RecordedProgress, SimulatedRunner, context_of
from ..small_tasks import data, task_of

CASES = [
    ("multiclass", "accuracy"),
    ("multiclass", "macro_f1"),
    ("multiclass", "balanced_accuracy"),
    ("multiclass", "log_loss"),
    ("binary", "f1"),
    ("binary", "auroc"),
    ("binary", "average_precision"),
    ("multilabel", "macro_f1"),
    ("multilabel", "binary_accuracy"),
    ("regression", "rmse"),
    ("regression", "mae"),
    ("regression", "r2"),
    ("regression", "pinball@0.9"),
]


def constants(task: Task) -> torch.Tensor:
    """Many constant outputs for the test samples, (A, N, ...)."""
    targets, draw = task.test[1], torch.Generator().manual_seed(0)
    width = () if task.kind in ("binary", "regression") else (3 if task.kind == "multiclass" else 2,)
    rows = 4 * torch.randn(400, *width, generator=draw, dtype=torch.float64)
    return rows[:, None].expand(400, len(targets), *width)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_no_constant_answer_is_far_better(kind: Any, metric: str) -> None:
    """Of four hundred constant answers none beats it by more than its parts' difference explains."""
    task = task_of(kind, metric=metric, train=data(kind, 400, 0), test=data(kind, 400, 0))
    found = task.constant_score(task.test[1])
    assert found is not None
    measure = metric_named(metric, kind)
    best = (measure.sign * measure(constants(task), task.test[1])).max()
    assert measure.sign * found >= float(best) - 1e-9


def test_a_training_function_has_no_constant_answer() -> None:
    """Its data are its own, so what a constant answer scores is not known."""
    subject: Subject = made()
    assert subject.constant_score() is None


@pytest.mark.parametrize(("score", "warned"), [(0.5, True), (0.56, True), (0.75, False)])
def test_models_that_learn_nothing_are_told_of(task: Task, score: float, warned: bool) -> None:  # noqa: FBT001
    """The best standard loss is compared with the best constant answer as soon as it is known."""
    heard = RecordedProgress()
    headroom(context_of(SimulatedRunner(task, lambda c: score), progress=heard))
    constant = task.constant_score()
    assert constant is not None
    assert 0.55 <= constant <= 0.65
    assert any("the models learn nothing that accuracy sees" in note for note in heard.notes) == warned
