"""Candidates that a user's own function trains, leg by leg from rung to rung."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from ....losses.errors import UserError
from ...records.rungs import Watch, pruned_at_rung
from ...records.trial import Candidate, Outcome, Repeat
from ...tasks.functions.training_function import TrainingFunction
from .job import FunctionResult

Run = Callable[[Sequence[Candidate], Sequence[Repeat], int | None], Iterator[FunctionResult]]


class FunctionCohort:
    """Candidates in training, leg by leg."""

    def __init__(
        self,
        training: TrainingFunction,
        run: Run,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        watch: Watch,
    ) -> None:
        """`run` trains candidates on repeats, to their end or for so many reports."""
        self._training, self._run = training, run
        self._candidates, self._repeats = candidates, repeats
        self._watch, self._spent = watch, 0.0
        self._alive = list(range(len(candidates)))
        self._scores: dict[int, tuple[float, ...]] = {}
        self._reported: dict[int, list[tuple[float, ...]]] = {}  # by each repeat, as often as all of them did
        self._passed = 0  # rungs
        self._ended: dict[int, Outcome] = {}
        self._raised: dict[int, FunctionResult] = {}

    def leg(self, epoch: int, reports: int | None) -> None:
        """Train everybody who is left for so many reports, or to the end; who diverges ends."""
        wanted = [self._candidates[c] for c in self._alive]
        share = 0.5 if reports else 1.0  # of what is left of the watch: how many go on is not known yet
        start = self._spent
        found: list[FunctionResult] = []
        size = len(self._repeats)
        for result in self._run(wanted, self._repeats, reports):
            found.append(result)
            self._spent = start + (1 - start) * share * len(found) / (len(wanted) * size)
            self._watch(self._spent)
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
        sign = self._training.measure.sign
        means = {c: math.fsum(self._scores[c]) / len(self._repeats) for c in self._alive}
        self._passed += 1
        for candidate in pruned_at_rung(means, sign, len(self._candidates), keep**self._passed):
            self._end(candidate, "pruned", epoch, None)
        self._alive = [c for c in self._alive if c not in self._ended]

    def outcomes(self, epoch: int) -> list[Outcome]:
        """What came of every candidate, in their order."""
        for candidate in self._alive:
            self._end(candidate, "complete", epoch, None)
        return [self._ended[c] for c in range(len(self._candidates))]

    def _note_fault(self, candidate: int, results: Sequence[FunctionResult], epoch: int) -> None:
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
        epochs, total = self._candidates[candidate].recipe.epochs, self._training.rehearsed.reports
        placed = (
            (max(1, min(end, round(place * epochs / max(1, total)))), values)
            for place, values in enumerate(self._reported[candidate], 1)
        )
        return {at: values for at, values in placed if at < epochs and all(map(math.isfinite, values))}

    def _complain(self) -> None:
        """Refuse to go on with a function that mostly raises, or that ignores seeds."""
        name = self._training.name
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
