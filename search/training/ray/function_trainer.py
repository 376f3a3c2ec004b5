"""A user's training function on a Ray cluster: each training is one work item."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event

from ...records import Plan
from ...tasks.functions.training_function import TrainingFunction
from ..functions.execute import FunctionWorker, in_workers
from ..functions.trainer import FunctionTrainer
from .cluster import pickle_user_code_by_value
from .remote_program import Make
from .resources import Resources
from .worker_pool import RayWorkerPool


def function_on_ray(
    training: TrainingFunction,
    plan: Plan,
    resources: Resources | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> FunctionTrainer:
    """A runner of a training function on the cluster that `on_ray` would join, or start; close it afterwards.

    Args:
        training: A rehearsed training function.
        plan: The search's plan, of which the folds and the seed are read.
        resources: What each training is given.
        note: Called with each line that the user should read.
    """
    stop = Event()
    pickle_user_code_by_value()
    pool = RayWorkerPool(partial(_prepare, training), resources or Resources(), stop, note)
    return FunctionTrainer(training, in_workers(pool, pool.size(), stop), plan.folds, plan.seed, stop, pool)


def _prepare(training: TrainingFunction) -> Make:
    """In a worker: what makes an object that runs trainings."""
    return partial(FunctionWorker, training)
