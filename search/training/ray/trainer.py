"""On a Ray cluster: the same trainer as on one machine, over a crew whose workers are seats of Ray Tune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any

from ...records.plan import Plan
from ...records.trial import Candidate, Outcome, Repeat, Tested
from ...tasks.task import Task
from ..cohort_trainer import RungSchedule, Trainer, Watch, program_maker, unwatched
from ..engines.autotune import EngineChoice
from ..local import choice_for
from .cluster import by_value
from .resources import Resources
from .worker_pool import RayWorkerPool


@dataclass(frozen=True, eq=False)
class RayTrainer:
    """A trainer over a Ray crew. It is dealt over as many seats as there are when a cohort begins."""

    trainer: Trainer
    crew: RayWorkerPool

    @property
    def stop(self) -> Event:
        """Set to end the training."""
        return self.trainer.stop

    def __getattr__(self, name: str) -> Any:
        """What else is asked of a trainer, such as its engine."""
        return getattr(self.trainer, name)

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None = None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Outcome]:
        """As on one machine; at a rung every program's state is kept, for whoever goes on with it."""
        self.crew.rungs = frozenset(() if rungs is None else rungs.epochs)
        return self._now().train(candidates, repeats, rungs, watch, n_resamples)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """As on one machine."""
        self.crew.rungs = frozenset()
        return self._now().test(candidates, repeats, watch)

    def _now(self) -> Trainer:
        choice, holds = self.trainer.choice, self.crew.holds
        if choice is not None and holds is not None and choice.width > holds:
            choice = replace(choice, width=holds)
        return replace(self.trainer, workers=self.crew.seats(), choice=choice)

    def close(self) -> None:
        """End the seats."""
        self.crew.close()


def on_ray(
    task: Task,
    plan: Plan,
    engine: str = "auto",
    resources: Resources | None = None,
    note: Callable[[str], None] = lambda _: None,
    choice: EngineChoice | None = None,
) -> RayTrainer:
    """A runner on the Ray cluster that RAY_ADDRESS names, or that this is a job of, or one started here.

    With `auto` the engine is measured on the driver's machine; a `choice` that was made before is followed.
    """
    if choice is None:
        choice = choice_for(task, engine, note)
    stop = Event()
    by_value()
    make = partial(program_maker, task, plan.folds, plan.seed)
    crew = RayWorkerPool(make, resources or Resources(), stop, note)
    trainer = Trainer(
        task, folds=plan.folds, seed=plan.seed, engine=choice.engine, stop=stop, crew=crew, choice=choice
    )
    return RayTrainer(trainer, crew)
