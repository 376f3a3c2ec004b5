"""A user's own training function on this machine: one training after another, or several side by side."""

from __future__ import annotations

import os
from functools import partial
from threading import Event
from typing import Any

from ...records.plan import Plan
from ...tasks.functions.training_function import TrainingFunction
from ..workers.process_pool import ProcessPool, can_fork
from .execute import FunctionWorker, in_crew, in_process
from .trainer import FunctionTrainer


def own_local(training: TrainingFunction, plan: Plan) -> FunctionTrainer:
    """A runner of a rehearsed training on this machine; close it when the search has ended."""
    stop, size = Event(), side_by_side(training)
    make: Any = partial(FunctionWorker, training)  # no program of a cohort, but run in the same way
    crew = ProcessPool(size, make, stop) if size > 1 and can_fork() else None
    execute = in_crew(crew, size) if crew is not None else in_process(training, stop)
    return FunctionTrainer(training, execute, plan.folds, plan.seed, stop, crew)


def side_by_side(training: TrainingFunction) -> int:
    """How many trainings run at a time: as asked for, or one a core, as far as a GPU's memory holds them."""
    cores = len(os.sched_getaffinity(0))
    return training.workers or min(cores, training.rehearsed.fit or cores)
