"""Where a cohort is thinned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

Watch = Callable[[float], None]


def unwatched(_: float) -> None:
    """Nobody looks."""


@dataclass(frozen=True)
class Rungs:
    """Where a cohort is thinned: after each of `epochs`, only the best `keep` share of it goes on."""

    epochs: tuple[int, ...] = ()
    keep: float = 0.5

    @classmethod
    def halving(cls, epochs: int, times: int = 2) -> Rungs:
        """Rungs at a quarter and a half of the training (with two of them)."""
        marks = {max(1, epochs // 2**power) for power in range(1, times + 1)}
        return cls(tuple(sorted(mark for mark in marks if mark < epochs)))

    def work(self, candidates: int, epochs: int) -> float:
        """The epochs that `candidates` will be trained for in all, if none diverges."""
        edges = (0, *self.epochs, epochs)
        return sum((high - low) * candidates * self.keep**i for i, (low, high) in enumerate(pairwise(edges)))
