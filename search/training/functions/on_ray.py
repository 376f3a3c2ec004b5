"""A user's own training function on a Ray cluster: each training is a piece."""

from __future__ import annotations

from functools import partial
from threading import Event

from ...records import Plan
from ...tasks.functions.training_function import TrainingFunction
from ..ray.cluster import by_value
from ..ray.remote_program import Make
from ..ray.resources import Resources
from ..ray.worker_pool import RayWorkerPool
from .execute import FunctionWorker, in_crew
from .trainer import FunctionTrainer


def own_on_ray(training: TrainingFunction, plan: Plan, resources: Resources | None = None) -> FunctionTrainer:
    """A runner of a rehearsed training on the cluster that `on_ray` would join, or starts."""
    stop = Event()
    by_value()
    crew = RayWorkerPool(partial(own_maker, training), resources or Resources(), stop)
    return FunctionTrainer(training, in_crew(crew, crew.size()), plan.folds, plan.seed, stop, crew)


def own_maker(training: TrainingFunction) -> Make:
    """What a worker makes with the function: somebody who calls it."""
    return partial(FunctionWorker, training)
