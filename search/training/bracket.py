"""How the candidates of a cohort stand: their scores, who passed which rung, how each ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from ..records import Measurement, Member, Outcome, Repeat, RungSchedule, State


@dataclass(frozen=True)
class Scored:
    """A member at an epoch.

    Args:
        member: Which member.
        score: The metric on the held-out part; NaN where the member diverged.
        reason: Why the member diverged; None where it did not.
        resampled: The metric under each resampling of the held-out samples that was asked for; NaN under one
            that takes none of them.
        offsets: The offsets that are best on the held-out part, for a candidate whose cut-off is tuned.
    """

    member: Member
    score: float
    reason: str | None = None
    resampled: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()


class Bracket:
    """Scores, rungs and final state of each candidate of one cohort.

    Args:
        candidates: The number of candidates.
        repeats: The repeats that each candidate is trained on.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """

    def __init__(self, candidates: int, repeats: Sequence[Repeat], sign: int) -> None:
        self._count, self._repeats, self._sign = candidates, list(repeats), sign
        self._scores: list[dict[Repeat, float]] = [{} for _ in range(candidates)]
        self._rungs: list[list[tuple[int, float]]] = [[] for _ in range(candidates)]
        self._at_rungs: list[list[tuple[float, ...]]] = [[] for _ in range(candidates)]
        self._resampled: dict[int, tuple[float, ...]] = {}
        self._offsets: dict[int, tuple[float, ...]] = {}
        self._ended: dict[int, Measurement] = {}
        self._passed = 0  # rungs

    @property
    def ended(self) -> set[int]:
        """The candidates that are not trained any more."""
        return set(self._ended)

    def record(self, scored: Sequence[Scored], epoch: int) -> None:
        """Take in the scores of all members in training; a candidate of which a repeat diverged has ended.

        Args:
            scored: The members.
            epoch: The epoch that they have come to.
        """
        faults: dict[int, str] = {}
        # By repeats, whichever program brought them first: the last digit of a mean depends on the order.
        ordered = sorted(scored, key=lambda found: self._repeats.index(found.member.repeat))
        for found in ordered:
            candidate, repeat = found.member
            self._scores[candidate][repeat] = found.score
            if found.reason and candidate not in faults:
                faults[candidate] = f"{found.reason}, seed {repeat.seed}, fold {repeat.fold}"
        for candidate, reason in faults.items():
            self._ended[candidate] = self._outcome(candidate, "diverged", epoch, reason)
        self._resampled |= _means((found.member, found.resampled) for found in ordered)
        self._offsets |= _means((found.member, found.offsets) for found in ordered)

    def thin(self, rungs: RungSchedule, epoch: int) -> None:
        """Prune the candidates that do not pass a rung.

        Args:
            rungs: Who passes.
            epoch: The rung.
        """
        alive = [c for c in range(self._count) if c not in self._ended]
        means = {c: math.fsum(self._scores[c].values()) / len(self._repeats) for c in alive}
        for candidate, mean in means.items():
            self._rungs[candidate].append((epoch, mean))
            self._at_rungs[candidate].append(tuple(self._scores[candidate][r] for r in self._repeats))
        for candidate in rungs.pruned(means, self._sign, self._count, self._passed):
            self._ended[candidate] = self._outcome(candidate, "pruned", epoch, None)
        self._passed += 1

    def outcomes(self, epoch: int) -> list[Measurement]:
        """Return what came of every candidate, in order; those still in training completed at `epoch`."""
        for candidate in range(self._count):
            if candidate not in self._ended:
                self._ended[candidate] = self._outcome(candidate, "complete", epoch, None)
        return [self._ended[candidate] for candidate in range(self._count)]

    def _outcome(self, candidate: int, state: State, epoch: int, reason: str | None) -> Measurement:
        scores = tuple(self._scores[candidate][repeat] for repeat in self._repeats)
        rungs, seen = tuple(self._rungs[candidate]), tuple(self._at_rungs[candidate])
        offsets = self._offsets.get(candidate, ())
        outcome = Outcome(state, scores, epoch, rungs, reason, offsets)
        drawn = self._resampled.get(candidate, ()) if state == "complete" else ()
        return Measurement(outcome, drawn, seen)


def _means(found: Iterable[tuple[Member, tuple[float, ...]]]) -> dict[int, tuple[float, ...]]:
    """The mean over the repeats of each candidate's numbers, of candidates that have some."""
    rows: dict[int, list[tuple[float, ...]]] = {}
    for member, numbers in found:
        if numbers:
            rows.setdefault(member.candidate, []).append(numbers)
    return {c: tuple(torch.tensor(some, dtype=torch.float64).nanmean(0).tolist()) for c, some in rows.items()}
