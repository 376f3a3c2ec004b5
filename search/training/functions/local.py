"""A user's own training function on this machine: one training after another, or several side by side."""

from __future__ import annotations

import os
from functools import partial
from threading import Event
from typing import Any

from ...records.plan import Plan
from ...tasks.functions.training_function import OwnTraining
from ..workers.process_pool import Crew, can_fork
from .execute import OwnWorker, in_crew, in_process
from .trainer import OwnTrainer


def own_local(training: OwnTraining, plan: Plan) -> OwnTrainer:
    """A runner of a rehearsed training on this machine; close it when the search has ended."""
    stop, size = Event(), side_by_side(training)
    make: Any = partial(OwnWorker, training)  # no program of a cohort, but run in the same way
    crew = Crew(size, make, stop) if size > 1 and can_fork() else None
    execute = in_crew(crew, size) if crew is not None else in_process(training, stop)
    return OwnTrainer(training, execute, plan.folds, plan.seed, stop, crew)


def side_by_side(training: OwnTraining) -> int:
    """How many trainings run at a time: as asked for, or one a core, as far as a GPU's memory holds them."""
    cores = len(os.sched_getaffinity(0))
    return training.workers or min(cores, training.rehearsed.fit or cores)
