"""Digits with a 50:1 long tail in training; balanced validation and test parts."""

from __future__ import annotations

from ..task import Task
from .digits import cut_to_tail, mlp, parts


def task() -> Task:
    """The usual long-tail protocol: the tail is in the training part only."""
    train, validation, test = parts()
    return Task(
        name="digits-longtail",
        kind="multiclass",
        train=cut_to_tail(train, 50),
        validation=validation,
        test=test,
        model=mlp,
        metric="macro_f1",
        recipe={"epochs": 60, "batch_size": 64, "optimizer": "adam", "learning_rate": 3e-3},
    )
