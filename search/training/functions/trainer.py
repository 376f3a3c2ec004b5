"""A user's training function as a runner of whole cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event

import torch

from ...records import Candidate, Measurement, Repeat, RungSchedule, Tested, Watch, unwatched
from ...tasks.functions.training_function import TrainingFunction
from ...tasks.functions.trial_handle import Part
from ...tasks.splits import Folds
from ..program import Stopped, WorkerPool
from .cohort import FunctionCohort
from .execute import Execute
from .job import FunctionJob, FunctionResult
from .training_log import NoLog, TrainingLog


@dataclass(eq=False)
class FunctionTrainer:
    """A runner that trains candidates by a user's function.

    A function cannot be paused at a rung, so a candidate that passes one is trained again from the beginning:
    with the same seed it comes by the same way.

    Args:
        training: A rehearsed training function.
        execute: Yields what came of each job, in the order of the jobs.
        folds: In how many parts the function is to deal its data; 1: one stratified split, the first of five.
        seed: The search's seed.
        stop: Ends the training once it is set.
        pool: The workers in which `execute` executes; closed with the trainer.
        log: Where each training is kept as it ends; what is kept there is not executed again.
    """

    training: TrainingFunction
    execute: Execute
    folds: int = 4
    seed: int = 0
    stop: Event = field(default_factory=Event)
    pool: WorkerPool | None = None
    log: TrainingLog = field(default_factory=NoLog)

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None = None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """As `Runner.train`; a rung ranks by the mean of what was reported, and `n_resamples` is not read.

        A candidate of which a training raised or scored NaN has diverged.

        Raises:
            UserError: More than half of the candidates raised, or the seed makes no difference to any.
        """
        cohort = FunctionCohort(self.training, self.results, candidates, repeats, watch)
        epochs = candidates[0].recipe.epochs
        for mark, reports in self._marks(rungs or RungSchedule(), epochs):
            cohort.train_remaining(mark, reports)
            cohort.prune(rungs or RungSchedule(), mark)
        cohort.train_remaining(epochs, None)
        return cohort.outcomes(epochs)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """As `Runner.test`; on the function's validation data where it never reads `trial.part`."""
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
        """Yield what came of each candidate on each repeat, in their order.

        Args:
            candidates: What to train.
            repeats: What each is trained on.
            reports: After how many reports to stop; None: at the end.
            part: What to score on.

        Raises:
            Stopped: `stop` was set meanwhile.
        """
        jobs = [self._job(c, r, reports, part) for c in candidates for r in repeats]
        known = {key: FunctionResult.from_json(found) for key, found in self.log.trainings().items()}
        executed = self.execute([job for job in jobs if job.key not in known], self._keep)
        try:
            for job in jobs:
                yield known[job.key] if job.key in known else next(executed)
                self._check_stop()
        except BaseException:
            self.stop.set()
            raise

    def _keep(self, job: FunctionJob, result: FunctionResult) -> None:
        self.log.keep_training(job.key, result.to_json())

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def remember(self, log: TrainingLog) -> None:
        """Keep each training in `log` from here on, and take from it what it holds."""
        self.log = log

    def _job(self, candidate: Candidate, repeat: Repeat, reports: int | None, part: Part) -> FunctionJob:
        return FunctionJob(candidate, repeat, self.seed, Folds(self.folds).place(repeat), part, reports)

    def _marks(self, rungs: RungSchedule, epochs: int) -> list[tuple[int, int]]:
        """The rungs, each with the number of reports by which a training has come that far."""
        total = self.training.rehearsed.reports
        marks = ((mark, max(1, round(mark / epochs * total))) for mark in rungs.epochs)
        return [(mark, reports) for mark, reports in marks if reports < total]

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self.pool is not None:
            self.pool.close()
