"""A user's own training function as a runner: whole cohorts are trained by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

import torch

from ...records.trial import Candidate, Outcome, Repeat, Tested
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Part
from ...tasks.splits import Folds
from ..cohort_trainer import RungSchedule, Watch, unwatched
from ..program import Stopped, WorkerPool
from .cohort import FunctionCohort
from .execute import Execute
from .job import FunctionJob, FunctionResult


@dataclass(frozen=True, eq=False)
class FunctionTrainer:
    """Trains candidates by a user's function; where each training happens is the business of `execute`.

    `execute` yields what came of each job in the order of the jobs. A loop cannot be paused at a rung, so
    what survives one is trained again from the start: with the same seed it comes by the same way.
    """

    training: TrainingFunction
    execute: Execute
    folds: int = 4
    seed: int = 0
    stop: Event = field(default_factory=Event)
    pool: WorkerPool | None = None

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None = None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Outcome]:
        """Train every candidate on every repeat; at a rung the worst by the mean of what they reported end.

        A candidate of which a training raised or scored NaN has diverged. Raises `UserError` with their
        traceback when more than half of the candidates raised, and when seeds make no difference.
        """
        cohort = FunctionCohort(self.training, self.results, candidates, repeats, watch)
        epochs = candidates[0].recipe.epochs
        for mark, reports in self._marks(rungs or RungSchedule(), epochs):
            cohort.leg(mark, reports)
            cohort.thin((rungs or RungSchedule()).keep, mark)
        cohort.leg(epochs, None)
        return cohort.outcomes(epochs)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """The scores on test data, where the function offers them; else on its validation data."""
        part: Part = "test" if self.training.tests else "validation"
        values = []
        for done, result in enumerate(self.results(candidates, repeats, part=part), 1):
            values.append(result.value)
            watch(done / (len(candidates) * len(repeats)))
        scores = torch.tensor(values, dtype=torch.float64).view(len(candidates), len(repeats))
        return Tested(scores, scored_on=part)

    def results(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        reports: int | None = None,
        part: Part = "validation",
    ) -> Iterator[FunctionResult]:
        """What came of each candidate on each repeat, in their order, as long as nobody stops the search."""
        jobs = [self._job(c, r, reports, part) for c in candidates for r in repeats]
        try:
            for result in self.execute(jobs):
                self._go_on()
                yield result
        except BaseException:
            self.stop.set()
            raise

    def _job(self, candidate: Candidate, repeat: Repeat, reports: int | None, part: Part) -> FunctionJob:
        """The training of a candidate on a repeat; one stratified split is the first of five folds."""
        return FunctionJob(candidate, repeat, self.seed, Folds(self.folds).place(repeat), part, reports)

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def _marks(self, rungs: RungSchedule, epochs: int) -> list[tuple[int, int]]:
        """The rungs, each with the number of reports by which a training has come that far."""
        total = self.training.rehearsed.reports
        marks = ((mark, max(1, round(mark / epochs * total))) for mark in rungs.epochs)
        return [(mark, reports) for mark, reports in marks if reports < total]

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self.pool is not None:
            self.pool.close()
