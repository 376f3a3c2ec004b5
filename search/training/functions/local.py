"""A user's training function on this machine: one training after another, or several in parallel."""

from __future__ import annotations

import os
from functools import partial
from threading import Event
from typing import Any

from ...records import Plan
from ...tasks.functions.training_function import TrainingFunction
from ..workers.process_pool import ProcessPool, can_fork
from .execute import FunctionWorker, in_process, in_workers
from .trainer import FunctionTrainer


def local_function(training: TrainingFunction, plan: Plan) -> FunctionTrainer:
    """A runner of a training function on this machine; close it when the search has ended.

    Args:
        training: A rehearsed training function.
        plan: The search's plan, of which the folds and the seed are read.
    """
    stop, size = Event(), _trainings_in_parallel(training)
    make: Any = partial(FunctionWorker, training)  # no program of a cohort, but run in the same way
    pool = ProcessPool(size, make, stop) if size > 1 and can_fork() else None
    execute = in_workers(pool, size, stop) if pool is not None else in_process(training, stop)
    return FunctionTrainer(training, execute, plan.folds, plan.seed, stop, pool)


def _trainings_in_parallel(training: TrainingFunction) -> int:
    """As many as were asked for, or one a core, as far as a GPU's memory holds them."""
    cores = len(os.sched_getaffinity(0))
    return training.workers or min(cores, training.rehearsed.fit or cores)
