"""Where a cohort is thinned, and who passes: the one rule for every trainer and for the simulator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

Watch = Callable[[float], None]  # is told the share of the work that is done, from 0 to 1


def unwatched(_: float) -> None:
    """Ignore the share of the work that is done."""


@dataclass(frozen=True)
class RungSchedule:
    """Where a cohort is thinned: after each of `epochs`, only the best candidates go on.

    Attributes:
        epochs: The rungs, rising, each before the end of the training.
        keep: The share of the candidates, from 0 to 1, that passes a rung.
    """

    epochs: tuple[int, ...] = ()
    keep: float = 0.5

    @classmethod
    def halving(cls, epochs: int, times: int = 2) -> RungSchedule:
        """Return a schedule with rungs at half of the epochs, a quarter, and so on.

        Args:
            epochs: The epochs of a whole training, at least 1.
            times: How many rungs there are, at most.
        """
        marks = {max(1, epochs // 2**power) for power in range(1, times + 1)}
        return cls(tuple(sorted(mark for mark in marks if mark < epochs)))

    def work(self, candidates: int, epochs: int) -> float:
        """Return the epochs that a cohort will be trained for in all, if no candidate diverges.

        Args:
            candidates: How many candidates the cohort begins with.
            epochs: The epochs of a whole training.
        """
        edges = (0, *self.epochs, epochs)
        return sum((high - low) * candidates * self.keep**i for i, (low, high) in enumerate(pairwise(edges)))

    def pruned(self, means: Mapping[int, float], sign: int, began: int, passed: int) -> list[int]:
        """Return the candidates that a rung drops, so that the share `keep` of the rung before it is left.

        Of equals the first stays, a candidate whose mean is NaN is the worst, and one candidate always stays.

        Args:
            means: The mean score of each candidate still in training.
            sign: +1 where a greater score is better, -1 where a smaller one is.
            began: How many candidates the cohort began with.
            passed: How many rungs came before this one.
        """

        def order(candidate: int) -> tuple[bool, float, int]:
            mean = means[candidate]
            return math.isnan(mean), 0.0 if math.isnan(mean) else -sign * mean, candidate

        return sorted(means, key=order)[max(1, math.ceil(began * self.keep ** (passed + 1))) :]
