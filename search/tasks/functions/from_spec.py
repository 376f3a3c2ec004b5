"""A training function that a SPEC names and describes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ....losses.errors import UserError, unknown
from .training_function import Train, TrainingFunction


def is_training(function: Callable[..., Any]) -> bool:
    """Whether a function must be given two arguments, as `train(loss, trial)` and no task function."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in positional) == 2


def from_settings(train: Train, settings: Mapping[str, Any] | None, name: str) -> TrainingFunction:
    """Make a training of a plain function.

    Args:
        train: The function.
        settings: What the SPEC says under `training`.
        name: How the SPEC names the function, for messages.

    Raises:
        UserError: The settings name no kind, or have an unknown key or a value that cannot be.
    """
    if not settings or "kind" not in settings:
        raise UserError(
            f"{name} takes (loss, trial), so it is a training function, and the SPEC must say what it "
            "trains: give `training: {kind: multiclass, metric: accuracy}`"
        )
    known = (
        "kind",
        "metric",
        "greater_is_better",
        "name",
        "class_counts",
        "target_scale",
        "ignore_index",
        "workers",
    )
    for key in settings:
        if key not in known:
            raise unknown("key in training", key, known)
    return TrainingFunction(train, **settings)
