"""How the candidates of a cohort stand: their scores, who passed which rung, how each ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..records import Measurement, Outcome, Repeat, RungSchedule, State


@dataclass(frozen=True)
class Scored:
    """A member at an epoch: its score, or NaN with the reason why it diverged."""

    candidate: int
    repeat: Repeat
    score: float
    reason: str | None = None


class Bracket:
    """The book of one cohort. `sign` is +1 where a greater score is better."""

    def __init__(self, candidates: int, repeats: Sequence[Repeat], sign: int) -> None:
        self._count, self._repeats, self._sign = candidates, list(repeats), sign
        self._scores: list[dict[Repeat, float]] = [{} for _ in range(candidates)]
        self._rungs: list[list[tuple[int, float]]] = [[] for _ in range(candidates)]
        self._at_rungs: list[list[tuple[float, ...]]] = [[] for _ in range(candidates)]
        self._drawn: dict[int, tuple[float, ...]] = {}
        self._ended: dict[int, Measurement] = {}
        self._passed = 0  # rungs

    @property
    def ended(self) -> set[int]:
        """The candidates that are not trained any more."""
        return set(self._ended)

    def record(self, scored: Sequence[Scored], epoch: int) -> None:
        """Take in a score of every member; a candidate of which a repeat diverged has ended."""
        faults: dict[int, str] = {}
        for member in sorted(scored, key=lambda member: self._repeats.index(member.repeat)):
            self._scores[member.candidate][member.repeat] = member.score
            if member.reason and member.candidate not in faults:
                seed, fold = member.repeat.seed, member.repeat.fold
                faults[member.candidate] = f"{member.reason}, seed {seed}, fold {fold}"
        for candidate, reason in faults.items():
            self._ended[candidate] = self._outcome(candidate, "diverged", epoch, reason)

    def resample(self, drawn: Mapping[int, Sequence[float]]) -> None:
        """Take in the mean scores of those that are left under each resampling."""
        self._drawn = {candidate: tuple(scores) for candidate, scores in drawn.items()}

    def thin(self, rungs: RungSchedule, epoch: int) -> None:
        """Prune the candidates that do not pass the rung at `epoch`."""
        alive = [c for c in range(self._count) if c not in self._ended]
        means = {c: math.fsum(self._scores[c].values()) / len(self._repeats) for c in alive}
        for candidate, mean in means.items():
            self._rungs[candidate].append((epoch, mean))
            self._at_rungs[candidate].append(tuple(self._scores[candidate][r] for r in self._repeats))
        for candidate in rungs.pruned(means, self._sign, self._count, self._passed):
            self._ended[candidate] = self._outcome(candidate, "pruned", epoch, None)
        self._passed += 1

    def outcomes(self, epoch: int) -> list[Measurement]:
        """What came of every candidate, in their order."""
        for candidate in range(self._count):
            if candidate not in self._ended:
                self._ended[candidate] = self._outcome(candidate, "complete", epoch, None)
        return [self._ended[candidate] for candidate in range(self._count)]

    def _outcome(self, candidate: int, state: State, epoch: int, reason: str | None) -> Measurement:
        scores = tuple(self._scores[candidate][repeat] for repeat in self._repeats)
        rungs, seen = tuple(self._rungs[candidate]), tuple(self._at_rungs[candidate])
        outcome = Outcome(state, scores, epoch, rungs, reason)
        return Measurement(outcome, self._drawn.get(candidate, ()), seen)
