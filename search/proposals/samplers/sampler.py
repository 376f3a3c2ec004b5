"""The seam between a search and whoever proposes its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ....spaces import Space


@dataclass(frozen=True)
class Observation:
    """A point and what came of it: `value` is the score with greater better, at the last epoch reached.

    `share` is how much of the training it got: 1 for a complete trial, less for a pruned one, 0 for one
    that diverged, whose value is meaningless.
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
    """

    reason: str

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        """A sampler for `space`; `budget` points are asked for in all, `width` at once (None: not known)."""

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        """`count` points, the first being number `start` of the search, given what was told so far."""
