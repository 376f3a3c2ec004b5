"""Who is still racing, what everybody scored, and who leads whom by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..records import RaceRound, Trial
from ..statistics import ONE_SIDED_95, Lead, lead, mean

CLEAR = 2.25  # standard errors beyond which a difference is taken for real
CROWN = ONE_SIDED_95  # standard errors from a lead to its lower bound


def widened(error: float, repeats: int) -> float:
    """A standard error from few repeats, as wide as one from very many would have to be.

    One from four repeats is often far too small (Student 1908): 4.2 of those are as clear as `CLEAR` others.

    Args:
        error: The standard error.
        repeats: The repeats that it was found from.
    """
    from scipy.stats import norm, t

    return error * float(t.isf(norm.sf(CLEAR), max(1, repeats - 1))) / CLEAR


class RaceTable:
    """Contenders by the numbers of their trials, with what they scored in each round.

    Args:
        standards: The standard losses, by the numbers of their trials.
        searched: The searched losses, likewise.
        sign: +1 where a greater score is better, -1 where a smaller one is.
        overlap: Samples that a repeat holds out for each that it trains on; 0 where all hold out the same.
    """

    def __init__(
        self, standards: Mapping[int, Trial], searched: Mapping[int, Trial], sign: int, overlap: float = 0.0
    ) -> None:
        self.running = {**standards, **searched}
        self._standards, self._sign, self._overlap = standards, sign, overlap
        self._lost: set[int] = set()
        self._rounds: dict[int, dict[int, list[float]]] = {number: {} for number in self.running}
        self._drawn: dict[int, dict[int, list[float]]] = {number: {} for number in self.running}
        self._offsets: dict[int, list[tuple[int, Sequence[float]]]] = {}

    @property
    def searched(self) -> list[int]:
        """The searched losses that are still racing, the best first."""
        return [number for number in self.ranked() if number not in self._standards]

    @property
    def challenger(self) -> int | None:
        """The best searched loss, or of the dropped ones the one least behind; None if all diverged."""
        if self.searched:
            return self.searched[0]
        dropped = [n for n in self._rounds if n not in self._standards and n not in self._lost]
        return max(dropped, key=lambda n: (self.lead(n, self.standard).mean, -n), default=None)

    @property
    def standard(self) -> int:
        """The best standard loss."""
        return next(number for number in self.ranked() if number in self._standards)

    def record(self, index: int, found_in: RaceRound) -> None:
        """Take in a round; a loss that diverges on some repeats is no contender any more.

        Args:
            index: The number of the round, from 0.
            found_in: What the contenders scored.
        """
        failed = {number for number in self.running if found_in.scores[number] is None}
        for number in list(self.running):
            found = found_in.scores[number]
            if found is None:
                del self.running[number]
                self._lost.add(number)
                continue
            self._rounds[number][index] = list(found)
            self._drawn[number][index] = list(found_in.resampled.get(number, ()))
            if number in found_in.offsets:
                self._offsets.setdefault(number, []).append((len(found), found_in.offsets[number]))
        if not any(number in self._standards for number in self.running):
            self._call_back(failed)

    def _call_back(self, failed: set[int]) -> None:
        """Put the best standard loss that was dropped, or that failed only now, in the place of them all."""
        scored = [number for number in self._standards if self._rounds[number]]
        if not scored:
            raise RuntimeError("every standard loss diverged in the race; lower the recipe's learning rate")
        best = max(scored, key=lambda n: (n not in failed, *self._order(n)))
        self.running[best] = self._standards[best]

    def drop_those_behind(self) -> None:
        """Drop who is clearly behind the leader; the best standard loss stays in any case.

        Clearly in the error that repeats make smaller: the other one would keep in the race whom no repeat
        can bring forward.
        """
        ranked, stays = self.ranked(), self.standard
        for number in ranked[1:]:
            clear = CLEAR * self.error_of_refits(ranked[0], number)
            if number != stays and self.lead(ranked[0], number).mean > clear:
                del self.running[number]

    def ranked(self) -> list[int]:
        """Those still racing, the best first."""
        return sorted(self.running, key=self._order, reverse=True)

    def mean(self, number: int) -> float:
        """The mean of everything that the contender of this number scored."""
        return mean([score for scores in self._rounds[number].values() for score in scores])

    def offsets(self, number: int) -> tuple[float, ...]:
        """The mean of the cut-offs tuned for a contender, weighted by repeats; empty where none were.

        Args:
            number: The number of its trial.
        """
        found = self._offsets.get(number, [])
        total = sum(repeats for repeats, _ in found)
        columns = zip(*(offsets for _, offsets in found), strict=True)
        weights = [repeats / total for repeats, _ in found]
        return tuple(math.fsum(w * o for w, o in zip(weights, column, strict=True)) for column in columns)

    def lead(self, one: int, other: int) -> Lead:
        """By how much one contender is better than another, over the rounds that both ran.

        Args:
            one: The number of the one.
            other: The number of the other.
        """
        drawn = self._draws(one, other)
        return lead(self._differences(one, other), [] if drawn is None else drawn.tolist(), self._overlap)

    def error_of_refits(self, one: int, other: int) -> float:
        """The error of a lead that more repeats make smaller, as wide as its few repeats ask for.

        Args:
            one: The number of the one contender.
            other: The number of the other.
        """
        return widened(self.lead(one, other).refits, len(self._differences(one, other)))

    def _order(self, number: int) -> tuple[float, int]:
        return self._sign * self.mean(number), -number

    def _both(self, one: int, other: int) -> list[int]:
        return sorted(self._rounds[one].keys() & self._rounds[other].keys())

    def _differences(self, one: int, other: int) -> list[float]:
        """By how much the one is better, repeat by repeat."""
        return [
            self._sign * (a - b)
            for index in self._both(one, other)
            for a, b in zip(self._rounds[one][index], self._rounds[other][index], strict=True)
        ]

    def _draws(self, one: int, other: int) -> Tensor | None:
        """By how much the one is better under each resampling of the samples, (draws,); None if not known.

        Rounds count by their repeats, as they do in the lead.
        """
        both = self._both(one, other)
        rounds = [(self._drawn[one][index], self._drawn[other][index]) for index in both]
        if not rounds or not all(a and b for a, b in rounds):
            return None
        ahead = self._sign * torch.tensor(rounds, dtype=torch.float64).diff(dim=1).neg()[:, 0]
        repeats = torch.tensor([len(self._rounds[one][index]) for index in both], dtype=torch.float64)
        return repeats / repeats.sum() @ ahead
