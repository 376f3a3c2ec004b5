"""A user's own training function as a runner: one training after another, or several side by side."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event
from typing import Any

import torch

from ...losses.errors import UserError
from ..cohort import Rungs, Watch, unwatched
from ..engines.crew import Crew, can_fork
from ..engines.own_loop import OwnJob, OwnResult, run_training
from ..engines.program import Stopped
from ..own_training import OwnTraining
from ..own_trial import Part
from ..plan import Plan
from ..rehearsal import allow_children
from ..trial import Candidate, Outcome, Repeat, Tested

Execute = Callable[[Sequence[OwnJob]], Iterator[OwnResult]]


@dataclass(frozen=True, eq=False)
class OwnTrainer:
    """Trains candidates by a user's function; where each training happens is the business of `execute`.

    `execute` yields what came of each job in the order of the jobs. A loop cannot be paused at a rung, so
    what survives one is trained again from the start: with the same seed it comes by the same way.
    """

    training: OwnTraining
    execute: Execute
    folds: int = 4
    seed: int = 0
    stop: Event = field(default_factory=Event)
    crew: Crew | None = None

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: Rungs | None = None,
        watch: Watch = unwatched,
        draws: int = 0,
    ) -> list[Outcome]:
        """Train every candidate on every repeat; at a rung the worst by the mean of what they reported end.

        A candidate of which a training raised or scored NaN has diverged. Raises `UserError` with their
        traceback when more than half of the candidates raised, and when seeds make no difference.
        """
        cohort = _Cohort(self, candidates, repeats, watch)
        epochs = candidates[0].recipe.epochs
        for mark, reports in self._marks(rungs or Rungs(), epochs):
            cohort.leg(mark, reports)
            cohort.thin((rungs or Rungs()).keep, mark)
        cohort.leg(epochs, None)
        return cohort.outcomes(epochs)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """The scores on test data, where the function offers them; else on its validation data."""
        part: Part = "test" if self.training.tests else "validation"
        jobs = [self.job(c, r, part=part) for c in candidates for r in repeats]
        values = []
        for done, result in enumerate(self.run(jobs), 1):
            values.append(result.value)
            watch(done / len(jobs))
        scores = torch.tensor(values, dtype=torch.float64).view(len(candidates), len(repeats))
        return Tested(scores, None, part)

    def job(self, candidate: Candidate, repeat: Repeat, **more: Any) -> OwnJob:
        """The training of a candidate on a repeat; one stratified split is the first of five folds."""
        count = 5 if self.folds == 1 else self.folds
        fold = (repeat.fold % count, count, repeat.partition)
        return OwnJob(candidate, repeat, self.seed, fold, **more)

    def run(self, jobs: Sequence[OwnJob]) -> Iterator[OwnResult]:
        """What came of the jobs, in their order, as long as nobody stops the search."""
        try:
            for result in self.execute(jobs):
                self._go_on()
                yield result
        except BaseException:
            self.stop.set()
            raise

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def _marks(self, rungs: Rungs, epochs: int) -> list[tuple[int, int]]:
        """The rungs, each with the number of reports by which a training has come that far."""
        total = self.training.rehearsed.reports
        marks = ((mark, max(1, round(mark / epochs * total))) for mark in rungs.epochs)
        return [(mark, reports) for mark, reports in marks if reports < total]

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self.crew is not None:
            self.crew.close()


class _Cohort:
    """Candidates in training, leg by leg."""

    def __init__(
        self, trainer: OwnTrainer, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch
    ) -> None:
        self._trainer, self._candidates, self._repeats = trainer, candidates, repeats
        self._watch, self._spent = watch, 0.0
        self._alive = list(range(len(candidates)))
        self._scores: dict[int, tuple[float, ...]] = {}
        self._reported: dict[int, list[tuple[float, ...]]] = {}  # by each repeat, as often as all of them did
        self._passed = 0  # rungs
        self._ended: dict[int, Outcome] = {}
        self._raised: dict[int, OwnResult] = {}

    def leg(self, epoch: int, reports: int | None) -> None:
        """Train everybody who is left for so many reports, or to the end; who diverges ends."""
        jobs = [
            self._trainer.job(self._candidates[c], r, reports=reports)
            for c in self._alive
            for r in self._repeats
        ]
        share = 0.5 if reports else 1.0  # of what is left of the watch: how many go on is not known yet
        start = self._spent
        found: list[OwnResult] = []
        for result in self._trainer.run(jobs):
            found.append(result)
            self._spent = start + (1 - start) * share * len(found) / len(jobs)
            self._watch(self._spent)
        size = len(self._repeats)
        for place, candidate in enumerate(list(self._alive)):
            results = found[place * size : (place + 1) * size]
            self._scores[candidate] = tuple(result.value for result in results)
            curves = ([value for _, value in result.curve] for result in results)
            self._reported[candidate] = list(zip(*curves, strict=False))
            self._note_fault(candidate, results, epoch)
        self._alive = [c for c in self._alive if c not in self._ended]
        self._complain()

    def thin(self, keep: float, epoch: int) -> None:
        """Keep the best share of those that are left."""
        sign = self._trainer.training.measure.sign
        means = {c: math.fsum(self._scores[c]) / len(self._repeats) for c in self._alive}
        ranked = sorted(self._alive, key=lambda c: (-sign * means[c], c))
        self._passed += 1
        for candidate in ranked[max(1, math.ceil(len(self._candidates) * keep**self._passed)) :]:
            self._end(candidate, "pruned", epoch, None)
        self._alive = [c for c in self._alive if c not in self._ended]

    def outcomes(self, epoch: int) -> list[Outcome]:
        """What came of every candidate, in their order."""
        for candidate in self._alive:
            self._end(candidate, "complete", epoch, None)
        return [self._ended[c] for c in range(len(self._candidates))]

    def _note_fault(self, candidate: int, results: Sequence[OwnResult], epoch: int) -> None:
        for repeat, result in zip(self._repeats, results, strict=True):
            if result.fault is not None or not math.isfinite(result.value):
                reason = f"{result.fault or 'nan'}, seed {repeat.seed}, fold {repeat.fold}"
                if result.trace is not None:
                    self._raised[candidate] = result
                self._end(candidate, "diverged", epoch, reason)
                return

    def _end(self, candidate: int, state: str, epoch: int, reason: str | None) -> None:
        looks = self._looks(candidate, epoch)
        rungs = tuple((at, math.fsum(values) / len(values)) for at, values in looks.items())
        self._ended[candidate] = Outcome(
            state,  # type: ignore[arg-type]
            self._scores[candidate],
            epoch,
            rungs,
            reason,
            at_rungs=tuple(looks.values()),
        )

    def _looks(self, candidate: int, end: int) -> dict[int, tuple[float, ...]]:
        """What was reported before the end of a training, by epoch: a report stands for its share of them."""
        epochs, total = self._candidates[candidate].recipe.epochs, self._trainer.training.rehearsed.reports
        placed = (
            (max(1, min(end, round(place * epochs / max(1, total)))), values)
            for place, values in enumerate(self._reported[candidate], 1)
        )
        return {at: values for at, values in placed if at < epochs and all(map(math.isfinite, values))}

    def _complain(self) -> None:
        """Refuse to go on with a function that mostly raises, or that ignores seeds."""
        name = self._trainer.training.name
        if 2 * len(self._raised) > len(self._candidates):
            candidate, result = min(self._raised.items())
            chosen = self._candidates[candidate]
            parameters = {**chosen.spec.parameters, "learning_rate": chosen.recipe.rate}
            said = ", ".join(f"{key}={value:.6g}" for key, value in parameters.items())
            raise UserError(
                f"{name} must train most losses, but {len(self._raised)} of {len(self._candidates)} ended "
                f"with an error, the first: {result.fault}; mend it and start a new search",
                detail=f"with {said}\n{result.trace}",
            )
        seeds = {r.seed for r in self._repeats if r.fold == self._repeats[0].fold}
        first = {s[0] for c, s in self._scores.items() if c not in self._raised}
        if (
            len(seeds) > 1
            and len(first) > 2
            and all(len(set(self._of_one_fold(c))) == 1 for c in self._scores)
        ):
            raise UserError(
                f"{name} must score differently from seed to seed, but {len(self._scores)} losses scored the "
                f"same on each of {len(seeds)}; leave the seeding to lossmith, or use trial.seed"
            )

    def _of_one_fold(self, candidate: int) -> list[float]:
        scores = zip(self._repeats, self._scores[candidate], strict=True)
        return [score for repeat, score in scores if repeat.fold == self._repeats[0].fold]


class OwnWorker:
    """What a worker process holds: the function."""

    def __init__(self, training: OwnTraining) -> None:
        allow_children()
        self._training = training

    def run(self, job: OwnJob) -> OwnResult | UserError:
        """One training; a mistake of the user's travels as a value."""
        try:
            return run_training(self._training, job)
        except UserError as error:
            return UserError(str(error), error.detail)


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


def in_process(training: OwnTraining, stop: Event) -> Execute:
    """One after another, here."""

    def execute(jobs: Sequence[OwnJob]) -> Iterator[OwnResult]:
        for job in jobs:
            if stop.is_set():
                raise Stopped
            yield run_training(training, job)

    return execute


def in_crew(crew: Crew, size: int) -> Execute:
    """In the crew's processes: whoever is free takes the next.

    What a process is killed in the middle of, as systems do when memory is short, is trained again by
    another, and from then on there is one fewer; when the last is killed, `MemoryError` says so.
    """
    free: SimpleQueue[Any] = SimpleQueue()
    for number in range(size):
        free.put(crew.program(number))
    spare = iter(range(size - 1))

    def run(job: OwnJob) -> OwnResult:
        worker = free.get()
        try:
            result = worker.call("run", job)
        except MemoryError:
            if next(spare, None) is not None:
                return run(job)
            free.put(worker)
            raise
        except BaseException:
            free.put(worker)
            raise
        free.put(worker)
        if isinstance(result, UserError):
            raise result
        assert isinstance(result, OwnResult)
        return result

    def execute(jobs: Sequence[OwnJob]) -> Iterator[OwnResult]:
        pool = ThreadPoolExecutor(size)
        try:
            yield from pool.map(run, jobs)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return execute
