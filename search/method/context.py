"""What every phase has at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..proposals.proposer import Proposer
from ..proposals.screening import rejected
from ..records import (
    Candidate,
    Ledger,
    Measurement,
    Phase,
    Plan,
    Progress,
    Repeat,
    RungSchedule,
    Trial,
    Unit,
    Watch,
    best_of,
    recall,
    unwatched,
)
from ..tasks.splits import Folds
from ..tasks.subject import Subject
from ..training.runner import Runner
from .nan_metrics import as_diverged

HELD_DRAWS = 200  # resamplings of the held-out samples: enough for a standard error to a twentieth


@dataclass(frozen=True, eq=False)
class SearchContext:
    """The parts of a running search."""

    task: Subject
    plan: Plan
    proposer: Proposer
    runner: Runner
    ledger: Ledger
    progress: Progress

    def repeats(self) -> list[Repeat]:
        """The repeats of a trial: seeds on the validation part, or seeds times folds."""
        return [Repeat(seed, fold) for fold in range(self.folds) for seed in range(self.plan.seeds)]

    @property
    def folds(self) -> int:
        """How many held-out parts a trial is scored on."""
        return self.plan.folds if self.task.folds else 1

    @property
    def overlap(self) -> float:
        """Samples that a repeat holds out for each that it trains on; 0 on a validation part, which stays."""
        return Folds(self.plan.folds).overlap if self.task.folds else 0.0

    def fresh_repeats(self, after: int, count: int, partition: int) -> list[Repeat]:
        """Repeats that no trial was selected on: new seeds but for the first `after`, on a new partition."""
        start = self.plan.seeds + after
        return [Repeat(start + i, (start + i) % self.folds, partition) for i in range(count)]

    def watch(self, done: int, size: int, best: Trial | None) -> Watch:
        """Shows the progress of `size` trials after the `done` that came before them."""
        score = None if best is None else best.outcome.score
        return lambda share: self.progress.advance(done + min(int(share * size), size), score)

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None,
        watch: Watch,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """Have the runner train the candidates; one whose metric is NaN has diverged."""
        measured = self.runner.train(candidates, repeats, rungs, watch, n_resamples)
        return as_diverged(measured, repeats, self.task.metric)

    def trials(  # noqa: PLR0913, PLR0917  (what a cohort is)
        self,
        phase: Phase,
        index: int,
        first: int,
        candidates: Sequence[Candidate],
        rungs: RungSchedule | None,
        payload: dict[str, Any] | None = None,
        watch: Watch = unwatched,
        seen: Callable[[Sequence[Measurement]], dict[str, Any]] | None = None,
    ) -> Unit:
        """The unit of these candidates trained as one cohort, numbered from `first`; unfit ones are not.

        `seen` is shown the outcomes with their scores under resampled held-out samples, which trials do not
        keep; what it returns joins the payload.
        """
        repeats = tuple(self.repeats())

        def work() -> Unit:
            unfit = rejected(candidates, len(repeats))
            sound = [candidate for i, candidate in enumerate(candidates) if i not in unfit]
            n_resamples = HELD_DRAWS if seen else 0
            trained = iter(self.train(sound, repeats, rungs, watch, n_resamples) if sound else ())
            measured = [
                Measurement(unfit[i]) if i in unfit else next(trained) for i in range(len(candidates))
            ]
            made = (
                Trial(first + i, phase, index, candidate, repeats, one.outcome)
                for i, (candidate, one) in enumerate(zip(candidates, measured, strict=True))
            )
            return Unit(phase, index, tuple(made), {**(payload or {}), **seen(measured)} if seen else payload)

        return recall(self.ledger, phase, index, work)

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The complete trial with the best mean score."""
        return best_of(trials, self.task.measure.sign)
