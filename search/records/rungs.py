"""Where a cohort is thinned."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

Watch = Callable[[float], None]


def unwatched(_: float) -> None:
    """Nobody looks."""


@dataclass(frozen=True)
class RungSchedule:
    """Where a cohort is thinned: after each of `epochs`, only the best `keep` share of it goes on."""

    epochs: tuple[int, ...] = ()
    keep: float = 0.5

    @classmethod
    def halving(cls, epochs: int, times: int = 2) -> RungSchedule:
        """Rungs at a quarter and a half of the training (with two of them)."""
        marks = {max(1, epochs // 2**power) for power in range(1, times + 1)}
        return cls(tuple(sorted(mark for mark in marks if mark < epochs)))

    def work(self, candidates: int, epochs: int) -> float:
        """The epochs that `candidates` will be trained for in all, if none diverges."""
        edges = (0, *self.epochs, epochs)
        return sum((high - low) * candidates * self.keep**i for i, (low, high) in enumerate(pairwise(edges)))


def pruned_at_rung(means: Mapping[int, float], sign: int, began: int, share: float) -> list[int]:
    """Who is dropped at a rung: all but the best, so many that this share of those that `began` is left.

    `means` are the mean scores of those still in training, by candidate. Of equals the first stays, and one
    candidate always does. `sign` is +1 where a greater score is better.
    """
    ranked = sorted(means, key=lambda candidate: (-sign * means[candidate], candidate))
    return ranked[max(1, math.ceil(began * share)) :]
