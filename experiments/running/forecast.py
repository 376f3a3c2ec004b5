"""What a search will train, and about how long that takes, said before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ...search import Plan, Task, TrainingFunction
from ...search.method.budget import Trainings
from ...search.tasks.named_losses import NamedLoss
from ...search.tasks.standard_losses import standards
from ..spec import format_duration
from .runners import Training


def forecast(
    task: Task | TrainingFunction, plan: Plan, training: Training, named: Sequence[NamedLoss] = ()
) -> str:
    """Say in one line what a search will train.

    Args:
        task: What a loss is searched for.
        plan: The budget.
        training: Who trains, which knows how fast it is where the engine was measured.
        named: The losses that are compared, where none is searched.
    """
    points = [spec for loss in named for spec in loss.specs.values()] or standards(task).values()
    losses = len({spec.hash for spec in points})
    repeats = plan.seeds * (plan.folds if task.folds else 1)
    rates = plan.rates if task.tunes else 1
    work = Trainings.of(plan, losses, repeats, rates, task.settings.epochs)
    searched = (
        f"{plan.trials:,} searched losses"
        if plan.trials is not None
        else f"as many searched losses as {format_duration(plan.time_limit_s or 0)} in all allow"
    )
    seconds = _seconds_each(task, training)
    span = f", about {format_duration(work.total * seconds)}" if seconds is not None else ""
    tuned = f"at {rates} learning rate{'s' * (rates > 1)}"
    if named:
        grid = f" ({losses} with the points of their grids)" if losses > len(named) else ""
        return (
            f"to train: {len(named)} losses{grid} {tuned}, {repeats} times each, again in a race, and "
            f"{plan.verdict_seeds} times each for the verdict: about {_rounded(work.total):,} trainings{span}"
        )
    more = "" if plan.trials is not None else " without the searched ones"
    limit = ""
    if plan.trials is not None and plan.time_limit_s is not None:
        limit = f"; fewer where {format_duration(plan.time_limit_s)} do not allow it"
    return (
        f"to train: {losses} standard losses {tuned} and {searched}, "
        f"{repeats} times each, the best of them again in a race, and {plan.verdict_seeds} times each for "
        f"the verdict: about {_rounded(work.total):,} trainings{more}{span}{limit}"
    )


def _seconds_each(task: Task | TrainingFunction, training: Training) -> float | None:
    """Seconds of wall-clock for one training, with as many at a time as there will be; None if not known."""
    cores = len(os.sched_getaffinity(0))
    if isinstance(task, TrainingFunction):
        return task.rehearsed.seconds / (task.workers or min(cores, task.rehearsed.fit or cores))
    speed = training.choice.members_per_second if training.choice is not None else None
    if not speed:
        return None
    settings = task.settings
    steps = settings.epochs * -(-task.sizes["train"] // settings.batch_size)
    return steps / (speed * cores)


def _rounded(count: float) -> int:
    """Two digits of a number that is only about right."""
    return int(float(f"{count:.1e}"))
