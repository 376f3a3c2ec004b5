"""Samples that count differently, and targets that are missing, in training and in scores."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lossmith.losses import Kind
from lossmith.search import Repeat, Task
from lossmith.search.training.cohort_trainer import Trainer

from ..small_tasks import data, mlp, standards, task_of

KINDS: tuple[Kind, ...] = ("multiclass", "binary", "multilabel", "regression")
REPEATS = [Repeat(0), Repeat(1)]


def scores(task: Task, engine: str = "cohort") -> Tensor:
    """The scores of a few standard losses, (losses, repeats): those that read no constants of the data."""
    chosen = [c for c in standards(task.kind, task.settings) if c.standard in USUAL[task.kind]]
    measured = Trainer(task, engine=engine).train(chosen, REPEATS)
    return torch.tensor([one.outcome.scores for one in measured])


USUAL: dict[Kind, tuple[str, ...]] = {
    "multiclass": ("cross_entropy", "focal", "gce"),
    "binary": ("bce", "focal"),
    "multilabel": ("bce", "focal"),
    "regression": ("mse", "mae"),
}
METRICS = {"multiclass": "log_loss", "binary": "log_loss", "multilabel": "log_loss", "regression": "rmse"}


def weighted(kind: Kind, **changes: Any) -> Task:
    """A task whose training samples count 0, 1 or 2, by turns, and whose validation samples count 1 to 3."""
    weights = {"train": torch.arange(90) % 3, "validation": 1 + torch.arange(40) % 3}
    return task_of(kind, metric=METRICS[kind], sample_weight=weights, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_engines_agree_on_weights(kind: Kind) -> None:
    """A weighted task scores alike in a cohort and one after another, and otherwise than a plain one."""
    task = weighted(kind)
    found = scores(task)
    torch.testing.assert_close(found, scores(task, "loop"), rtol=1e-3, atol=1e-4)  # float32, another order
    assert not torch.allclose(found, scores(task_of(kind, metric=METRICS[kind])), rtol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["cohort", "loop"])
def test_a_sample_without_weight_teaches_nothing(kind: Kind, engine: str) -> None:
    """Other targets of training samples of weight 0 change no score."""
    inputs, targets = data(kind, 90, 0)
    silent = torch.arange(90) % 3 == 0
    moved = targets.clone()
    moved[silent] = targets[silent].flip(0)
    wanted = scores(weighted(kind, train=(inputs, targets)), engine)
    torch.testing.assert_close(scores(weighted(kind, train=(inputs, moved)), engine), wanted)


@pytest.mark.parametrize("engine", ["cohort", "loop"])
def test_equal_weights_are_none(engine: str) -> None:
    """Weights that are all alike train as no weights do."""
    plain = scores(task_of("binary", metric="log_loss"), engine)
    alike = scores(task_of("binary", metric="log_loss", sample_weight=torch.full((90,), 3.0)), engine)
    torch.testing.assert_close(alike, plain, rtol=1e-4, atol=1e-5)


def gappy(kind: Kind, missing: float, engine: str) -> Tensor:
    """The scores on a task with two targets, of which a third is missing; `missing` stands for that."""
    parts: dict[str, Any] = {}
    for seed, (part, count) in enumerate((("train", 90), ("validation", 40), ("test", 40))):
        inputs, targets = data("multilabel", count, seed)
        if kind == "regression":
            targets = inputs[:, :2] + 0.1 * targets
        gaps = torch.rand(targets.shape, generator=torch.Generator().manual_seed(seed)) < 0.3
        parts[part] = (inputs, targets.masked_fill(gaps, missing))
    task = task_of(kind, model=mlp(2), metric=METRICS[kind], **parts)
    assert any("are missing" in line for line in task.notes)
    assert task.bound(standards(kind, task.settings)[0].spec).masked
    return scores(task, engine)


@pytest.mark.parametrize(
    ("kind", "missing"), [("multilabel", -1), ("multilabel", torch.nan), ("regression", torch.nan)]
)
def test_missing_targets_are_trained_around(kind: Kind, missing: float) -> None:
    """Labels of -1 or NaN and numbers of NaN: both engines train, alike, and every score is finite."""
    found = gappy(kind, missing, "cohort")
    assert bool(found.isfinite().all())
    torch.testing.assert_close(found, gappy(kind, missing, "loop"), rtol=1e-3, atol=1e-4)
    if kind == "multilabel":
        torch.testing.assert_close(found, gappy(kind, -1, "cohort"))
