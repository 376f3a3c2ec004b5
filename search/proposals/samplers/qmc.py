"""A scrambled Sobol sequence: points spread evenly over the space."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ....spaces import Space
from .cube import Cube, Rows
from .sampler import Observation, Sampler


class Qmc(Sampler):
    """Points `start` and following of one Sobol sequence (Owen scrambling, keyed by the seed).

    Args:
        space: The space of the points.
        budget: Not read.
        width: Not read.
    """

    reason = "sampler qmc: losses spread evenly"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._cube = Cube(space)

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        if not self._cube.dimensions:
            return [{} for _ in range(count)]
        return self._cube.points(sobol(self._cube.dimensions, count, start, seed))


def sobol(dimensions: int, count: int, start: int, seed: int) -> Rows:
    """Rows `start` and following of the sequence that a seed has, (count, dimensions).

    Args:
        dimensions: The number of coordinates, at least 1.
        count: The number of points.
        start: The number of the first point in the sequence.
        seed: Seeds the scrambling.
    """
    from scipy.stats.qmc import Sobol

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of counts that are no power of two
        sequence = Sobol(dimensions, rng=seed % 2**32)
        if start:  # scipy cannot skip zero points
            sequence.fast_forward(start)
        rows: Rows = sequence.random(count)
    return rows


SAMPLER = Qmc
