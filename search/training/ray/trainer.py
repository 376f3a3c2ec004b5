"""A task on a Ray cluster: the trainer of one machine over a pool of Ray Tune's workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

from ...records import EngineChoice, Plan
from ...tasks.task import Task
from ..cohort_trainer import Trainer
from ..local import choice_for
from ..scored_program import program_maker
from .cluster import pickle_user_code_by_value
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

    Args:
        task: The task; what its file defines travels to the workers by value.
        plan: The search's plan, of which the folds and the seed are read.
        engine: "auto" has the engine measured on this machine.
        resources: What each program is given.
        note: Called with each line that the user should read.
        choice: The engine that was chosen before, as when a search is resumed; `engine` is then not read.

    Raises:
        UserError: The cluster cannot be joined, or has no node that could hold a worker.
    """
    if choice is None:
        choice = choice_for(task, engine, note)
    stop = Event()
    pickle_user_code_by_value()
    make = partial(program_maker, task, choice.engine, plan.folds, plan.seed)
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
