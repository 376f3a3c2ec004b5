"""What every phase has at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ...losses.kinds import kind_named
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
from ..records.typed_json import plain
from ..tasks.splits import Folds
from ..tasks.subject import Subject
from ..training.runner import Runner
from .nan_metrics import as_diverged
from .standard_candidates import standard_candidates, tunes_cutoffs

HELD_DRAWS = 200  # resamplings of the held-out samples: enough for a standard error to a twentieth


@dataclass(frozen=True, eq=False)
class SearchContext:
    """The parts of a running search.

    Attributes:
        task: What a loss is searched for.
        plan: The budget.
        proposer: Proposes the losses.
        runner: Trains them.
        ledger: Keeps what is finished.
        progress: Shows what happens.
        named: The losses that a comparison is asked about, by name and the one that the others are compared
            with first; empty where losses are searched, and the standard ones tell what there is to beat.
    """

    task: Subject
    plan: Plan
    proposer: Proposer
    runner: Runner
    ledger: Ledger
    progress: Progress
    named: Mapping[str, Candidate] = field(default_factory=dict)

    @property
    def candidates(self) -> Mapping[str, Candidate]:
        """The losses that are tuned over the learning rate first, by name."""
        return self.named or standard_candidates(self.task)

    @property
    def usual(self) -> str:
        """The name of the loss that the others are compared with: the usual one of the kind, or the first."""
        return next(iter(self.named), kind_named(self.task.kind).usual_loss)

    @property
    def tunes_cutoffs(self) -> bool:
        """Whether losses are joined by themselves with a tuned cut-off; named ones are taken as they are."""
        return not self.named and tunes_cutoffs(self.task)

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
        """Repeats that no trial was selected on: new seeds, on a new partition.

        Args:
            after: How many fresh seeds were used before.
            count: How many repeats to return.
            partition: The number of the partition into folds.
        """
        start = self.plan.seeds + after
        return [Repeat(start + i, (start + i) % self.folds, partition) for i in range(count)]

    def watch(self, done: int, size: int, best: Trial | None) -> Watch:
        """Return what shows the progress of some trials as they are trained.

        Args:
            done: How many trials of the phase came before them.
            size: How many there are.
            best: The best trial so far.
        """
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
        """Have the runner train candidates; one whose metric is NaN has diverged.

        Args:
            candidates: The losses with their recipes.
            repeats: What each candidate is trained on.
            rungs: Where the cohort is thinned; None for nowhere.
            watch: Called with the share of the work that is done.
            n_resamples: The number of resamplings of the held-out samples.
        """
        measured = self.runner.train(candidates, repeats, rungs, watch, n_resamples)
        return as_diverged(measured, repeats, self.task.metric)

    def trials(  # noqa: PLR0913, PLR0917  (what a cohort is)
        self,
        phase: Phase,
        index: int,
        first: int,
        candidates: Sequence[Candidate],
        rungs: RungSchedule | None,
        watch: Watch = unwatched,
        record: object = None,
        seen: Callable[[Sequence[Measurement]], object] | None = None,
    ) -> Unit:
        """Return the unit of candidates trained as one cohort; those that cannot be used are rejected.

        Args:
            phase: The phase of the unit.
            index: Its place among the units of the phase, from 0.
            first: The number of the first trial.
            candidates: The losses with their recipes.
            rungs: Where the cohort is thinned; None for nowhere.
            watch: Called with the share of the work that is done.
            record: What the unit keeps beside its trials, a record that `typed_json` writes.
            seen: Makes that record of the measurements, with scores under resampled held-out samples, which
                trials do not keep.
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
            kept = seen(measured) if seen else record
            return Unit(phase, index, tuple(made), None if kept is None else plain(kept))

        return recall(self.ledger, phase, index, work)

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The complete trial with the best mean score; None where none is complete."""
        return best_of(trials, self.task.measure.sign)
