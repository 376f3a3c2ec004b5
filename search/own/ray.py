"""A user's own training function on a Ray cluster: each training is a piece."""

from __future__ import annotations

from functools import partial
from threading import Event

from ..plan import Plan
from ..runners.cluster import by_value
from ..runners.ray_crew import RayCrew
from ..runners.remote import Make
from ..runners.resources import Resources
from .execute import OwnWorker, in_crew
from .trainer import OwnTrainer
from .training import OwnTraining


def own_on_ray(training: OwnTraining, plan: Plan, resources: Resources | None = None) -> OwnTrainer:
    """A runner of a rehearsed training on the cluster that `on_ray` would join, or starts."""
    stop = Event()
    by_value()
    crew = RayCrew(partial(own_maker, training), resources or Resources(), stop)
    return OwnTrainer(training, in_crew(crew, crew.seats()), plan.folds, plan.seed, stop, crew)


def own_maker(training: OwnTraining) -> Make:
    """What a worker makes with the function: somebody who calls it."""
    return partial(OwnWorker, training)
