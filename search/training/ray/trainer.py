"""On a Ray cluster: the same trainer as on one machine, over a pool whose workers are trials of Ray Tune."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

from ...records.plan import Plan
from ...tasks.task import Task
from ..cohort_trainer import Trainer, program_maker
from ..engines.autotune import EngineChoice
from ..local import choice_for
from .cluster import by_value
from .resources import Resources
from .worker_pool import RayWorkerPool


def on_ray(
    task: Task,
    plan: Plan,
    engine: str = "auto",
    resources: Resources | None = None,
    note: Callable[[str], None] = lambda _: None,
    choice: EngineChoice | None = None,
) -> Trainer:
    """A runner on the Ray cluster that RAY_ADDRESS names, or that this is a job of, or one started here.

    With `auto` the engine is measured on the driver's machine; a `choice` that was made before is followed.
    """
    if choice is None:
        choice = choice_for(task, engine, note)
    stop = Event()
    by_value()
    make = partial(program_maker, task, plan.folds, plan.seed)
    return Trainer(
        task,
        folds=plan.folds,
        seed=plan.seed,
        engine=choice.engine,
        stop=stop,
        pool=RayWorkerPool(make, resources or Resources(), stop, note),
        choice=choice,
        hardware=None,
    )
