"""One cohort trained by a user's function, from rung to rung."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ....losses.errors import UserError
from ...records import Candidate, Measurement, Member, Repeat, RungSchedule, Watch
from ...tasks.functions.metric_value import comparable
from ...tasks.functions.training_function import TrainingFunction
from ..bracket import Bracket, Scored
from .job import FunctionResult

Run = Callable[[Sequence[Candidate], Sequence[Repeat], int | None], Iterator[FunctionResult]]


class FunctionCohort:
    """One cohort in training.

    Args:
        training: A rehearsed training function.
        run: Trains candidates on repeats to their `n`-th report (None: to the end); yields the results
            candidate by candidate.
        candidates: The cohort.
        repeats: What each candidate is trained on.
        watch: Called with the share of the work that is done.
    """

    def __init__(
        self,
        training: TrainingFunction,
        run: Run,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        watch: Watch,
    ) -> None:
        self._training, self._run = training, run
        self._candidates, self._repeats = candidates, repeats
        self._watch, self._spent = watch, 0.0
        self._bracket = Bracket(len(candidates), repeats, training.measure.sign)
        self._results: dict[int, list[FunctionResult]] = {}  # of each candidate, the last that were trained

    def train_remaining(self, epoch: int, reports: int | None) -> None:
        """Train the candidates that are left; those that diverge are finished.

        Args:
            epoch: How far the training has then come.
            reports: After how many reports to stop; None: at the end.

        Raises:
            UserError: More than half of the candidates raised, or the seed makes no difference to any.
        """
        remaining = [c for c in range(len(self._candidates)) if c not in self._bracket.ended]
        share = 0.5 if reports else 1.0  # of the work that is left: how many pass the rung is not known yet
        start, size = self._spent, len(self._repeats)
        found: list[FunctionResult] = []
        for result in self._run([self._candidates[c] for c in remaining], self._repeats, reports):
            found.append(result)
            self._spent = start + (1 - start) * share * len(found) / (len(remaining) * size)
            self._watch(self._spent)
        for place, candidate in enumerate(remaining):
            self._results[candidate] = found[place * size : (place + 1) * size]
        self._bracket.record(
            [
                Scored(Member(candidate, repeat), result.value, result.fault)
                for candidate in remaining
                for repeat, result in zip(self._repeats, self._results[candidate], strict=True)
            ],
            epoch,
        )
        self._check_faults()
        self._check_seeds()

    def prune(self, rungs: RungSchedule, epoch: int) -> None:
        """Finish the candidates that do not pass a rung.

        Args:
            rungs: Who passes.
            epoch: The rung.
        """
        self._bracket.thin(rungs, epoch)

    def outcomes(self, epoch: int) -> list[Measurement]:
        """What came of every candidate, in their order, with every report as a rung; `epoch` is the last."""
        measured = []
        for candidate, one in enumerate(self._bracket.outcomes(epoch)):
            reports = self._reports(candidate, one.outcome.epochs)
            means = tuple((at, math.fsum(values) / len(values)) for at, values in reports.items())
            measured.append(Measurement(replace(one.outcome, rungs=means), at_rungs=tuple(reports.values())))
        return measured

    def _reports(self, candidate: int, end: int) -> dict[int, tuple[float, ...]]:
        """What every repeat reported before `end`, by epoch: a report stands for its share of the epochs."""
        epochs, total = self._candidates[candidate].recipe.epochs, self._training.rehearsed.reports
        curves = ([value for _, value in result.curve] for result in self._results[candidate])
        placed = (
            (max(1, min(end, round(place * epochs / max(1, total)))), values)
            for place, values in enumerate(zip(*curves, strict=False), 1)
        )
        return {at: values for at, values in placed if at < epochs and all(map(comparable, values))}

    def _check_faults(self) -> None:
        """Refuse to go on with a function that mostly raises, or never returns a score."""
        faults = {
            candidate: next(result for result in results if result.fault is not None)
            for candidate, results in self._results.items()
            if any(result.fault is not None for result in results)
        }
        raised = {candidate: result for candidate, result in faults.items() if result.trace is not None}
        all_of_them = len(self._candidates)
        if 2 * len(raised) > all_of_them:
            worst, wrong, remedy = raised, "ended with an error", "mend it and start a new search"
        elif len(faults) == all_of_them and all(c.standard for c in self._candidates):
            worst, wrong = faults, "had a training without a finite score"
            remedy = "lower the learning rate, or look for what is not finite whatever the loss"
        else:
            return
        candidate, result = min(worst.items(), key=lambda item: item[0])
        chosen = self._candidates[candidate]
        parameters = {**chosen.spec.parameters, "learning_rate": chosen.recipe.rate}
        said = ", ".join(f"{key}={value:.6g}" for key, value in parameters.items())
        raise UserError(
            f"{self._training.name} must train most losses, but {len(worst)} of {all_of_them} {wrong}, "
            f"the first: {result.fault}; {remedy}",
            detail="\n".join(filter(None, [f"with {said}", result.trace])),
        )

    def _check_seeds(self) -> None:
        fold = self._repeats[0].fold
        places = [place for place, repeat in enumerate(self._repeats) if repeat.fold == fold]
        seeds = len({self._repeats[place].seed for place in places})
        scores = [
            [results[place].value for place in places]
            for results in self._results.values()
            if all(result.fault is None for result in results)
        ]
        if seeds < 2 or len({values[0] for values in scores}) < 3:
            return
        if all(len(set(values)) == 1 for values in scores):
            raise UserError(
                f"{self._training.name} must score differently from seed to seed, but {len(scores)} losses "
                f"scored the same on each of {seeds}; leave the seeding to lossmith, or use trial.seed"
            )
