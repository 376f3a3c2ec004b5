"""What every phase has at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..cohort import Rungs, Watch, unwatched
from ..ledger import Ledger, Unit, recall
from ..plan import Plan
from ..runners.runner import Runner
from ..search import Search
from ..task import Task
from ..trial import Candidate, Phase, Repeat, Trial, best_of


class Progress(Protocol):
    """Who is told how far a search is."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins; it will train `total` trials or contenders."""

    def advance(self, done: int, best: float | None) -> None:
        """So many of them are done; the best score so far."""

    def note(self, message: str) -> None:
        """One line that the user should read."""


@dataclass(frozen=True, eq=False)
class Stage:
    """The parts of a running search."""

    task: Task
    plan: Plan
    search: Search
    runner: Runner
    ledger: Ledger
    progress: Progress

    def repeats(self) -> list[Repeat]:
        """The repeats of a trial: seeds on the validation part, or seeds times folds."""
        return [Repeat(seed, fold) for fold in range(self.folds) for seed in range(self.plan.seeds)]

    @property
    def folds(self) -> int:
        """How many held-out parts a trial is scored on."""
        return 1 if self.task.validation is not None else self.plan.folds

    def fresh_repeats(self, index: int, count: int) -> list[Repeat]:
        """Repeats that no trial was selected on: block `index` of new seeds, on a new partition."""
        start = self.plan.seeds + index * count
        return [Repeat(start + i, (start + i) % self.folds, index + 1) for i in range(count)]

    def watch(self, done: int, size: int, best: Trial | None) -> Watch:
        """Shows the progress of `size` trials after the `done` that came before them."""
        score = None if best is None else best.outcome.score
        return lambda share: self.progress.advance(done + min(int(share * size), size), score)

    def trials(
        self,
        phase: Phase,
        index: int,
        first: int,
        candidates: Sequence[Candidate],
        rungs: Rungs | None,
        payload: dict[str, int] | None = None,
        watch: Watch = unwatched,
    ) -> Unit:
        """The unit of these candidates trained as one cohort, numbered from `first`."""
        repeats = tuple(self.repeats())

        def work() -> Unit:
            outcomes = self.runner.train(candidates, repeats, rungs, watch)
            made = (
                Trial(first + i, phase, index, candidate, repeats, outcome)
                for i, (candidate, outcome) in enumerate(zip(candidates, outcomes, strict=True))
            )
            return Unit(phase, index, tuple(made), payload)

        return recall(self.ledger, phase, index, work)

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The complete trial with the best mean score."""
        return best_of(trials, self.task.measure.sign)
