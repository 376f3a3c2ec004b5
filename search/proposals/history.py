"""What a search has been told, kept in bounds, so that asking costs the same after a million trials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import nlargest
from typing import overload

from .samplers import Observation

KEPT = 4096  # told points that stay when there are twice as many: the best half of them, and the latest


class History(Sequence[Observation]):
    """Points in the order in which they were told; of many, the best and the latest.

    What stays follows from the points alone, so that a search rebuilt from its trials has the same history.
    """

    def __init__(self) -> None:
        self._points: list[Observation] = []

    def add(self, told: Observation) -> None:
        """Take in one more point; of too many, let go of those that are neither good nor recent."""
        self._points.append(told)
        if len(self._points) == 2 * KEPT:
            older, latest = self._points[: -KEPT // 2], self._points[-KEPT // 2 :]
            best = set(nlargest(KEPT // 2, range(len(older)), key=lambda place: older[place].rank))
            self._points = [one for place, one in enumerate(older) if place in best] + latest

    @overload
    def __getitem__(self, place: int) -> Observation: ...
    @overload
    def __getitem__(self, place: slice) -> list[Observation]: ...
    def __getitem__(self, place: int | slice) -> Observation | list[Observation]:
        """What was told, by its place among what is left."""
        return self._points[place]

    def __iter__(self) -> Iterator[Observation]:
        """In the order in which they were told."""
        return iter(self._points)

    def __len__(self) -> int:
        """How many are left."""
        return len(self._points)
