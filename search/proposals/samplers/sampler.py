"""The seam between a search and whoever proposes its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ....spaces import Space


@dataclass(frozen=True)
class Observation:
    """A point and what came of it.

    Attributes:
        point: The coordinates by name.
        value: The score at the last epoch reached, with greater better; meaningless for a trial that
            diverged.
        share: How much of the training it got: 1 for a complete trial, less for a pruned one, 0 for one that
            diverged.
    """

    point: Mapping[str, float]
    value: float
    share: float

    @property
    def rank(self) -> tuple[float, float]:
        """Greater is better: what was trained further comes first, then what scored higher."""
        return (self.share, self.value if self.share > 0 else 0.0)


class Sampler(Protocol):
    """Proposes points. All it knows is in its arguments, so that a resumed search proposes the same.

    `reason` says in one line which sampler it is and why.

    Args:
        space: The space of the points.
        budget: How many points are asked for in all; None where that is not known.
        width: How many are asked for at once; None where that is not known.
    """

    reason: str

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        """Make a sampler for a space."""

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        """Return as many points as asked for.

        Args:
            told: What came of earlier points, in the order in which they were told.
            count: The number of points.
            start: The number of the first of them in the search, from 0.
            seed: The search's seed, 0 to 2**63 - 1.
        """
