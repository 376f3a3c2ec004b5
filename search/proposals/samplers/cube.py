"""Points as rows of numbers between 0 and 1, many at once: what samplers calculate with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....spaces import Space
from .sampler import Observation

Rows = NDArray[np.float64]


class Cube:
    """The unit cube that a space's coordinates span; each is even in its value or in its logarithm."""

    def __init__(self, space: Space) -> None:
        domains = space.coordinates()
        self._names = list(domains)
        self._low, self._high = (
            np.array([getattr(d, end) for d in domains.values()]) for end in ("low", "high")
        )
        self._log = np.array([d.log for d in domains.values()], dtype=bool)
        self._from, self._to = self._line(self._low), self._line(self._high)

    @property
    def dimensions(self) -> int:
        """How many coordinates a point has."""
        return len(self._names)

    def rows(self, told: Sequence[Observation]) -> Rows:
        """Where points lie, (points, dimensions); 0.5 where a domain is a single value."""
        values = np.array([[t.point[name] for name in self._names] for t in told])
        width = self._to - self._from
        shares = (self._line(values.reshape(len(told), self.dimensions)) - self._from) / np.where(
            width > 0, width, 1
        )
        return np.where(width > 0, shares, 0.5).clip(0, 1)

    def points(self, rows: Rows) -> list[dict[str, float]]:
        """The points of rows (points, dimensions)."""
        values = self._from + rows * (self._to - self._from)
        values = np.where(self._log, np.exp(np.where(self._log, values, 0)), values)
        inside = values.clip(self._low, self._high)
        return [dict(zip(self._names, row, strict=True)) for row in inside.tolist()]

    def _line(self, values: Rows) -> Rows:
        """What is even: the logarithm where the domain is logarithmic."""
        return np.where(self._log, np.log(np.where(self._log, values, 1)), values)
