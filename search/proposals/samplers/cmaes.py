"""CMA-ES: a normal distribution that moves to where it is good and takes on the shape of the ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....spaces import Space
from .cube import Cube, Rows
from .qmc import sobol
from .sampler import Observation, Sampler

GENERATION = 64  # points that move the distribution at a time where no width is known
GENERATIONS = 32  # that are replayed: what is older has hardly a say any more
STEP = 0.3  # of each domain: the standard deviation it starts with
FRESH = 0.1  # the share of points that are spread evenly instead


class CmaEs(Sampler):
    """CMA-ES (Hansen 2016, arXiv 1604.00772), a cohort being a generation, replayed from what was told.

    Only the order of a generation's trials counts, so pruned and diverged ones teach as bad points. Before a
    whole generation was told, points are spread evenly.

    Args:
        space: The space of the points.
        budget: Not read.
        width: How many are asked for at once, the size of a generation; None for 64.
    """

    reason = "sampler cmaes: a distribution that adapts from cohort to cohort"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._cube = Cube(space)
        self._size = max(4, width or GENERATION)

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        width = self._cube.dimensions
        if not width:
            return [{} for _ in range(count)]
        rows = sobol(width, count, start, seed)
        first = len(told) % self._size
        if len(told) >= self._size:
            first += max(0, len(told) // self._size - GENERATIONS) * self._size
            rng = np.random.default_rng([seed, start])
            adapted = self._adapted(told, first, count, int(rng.integers(2**32)))
            rows = np.where(rng.random((count, 1)) < FRESH, rows, adapted)
        return self._cube.points(rows)

    def _adapted(self, told: Sequence[Observation], first: int, count: int, seed: int) -> Rows:
        """Rows drawn from the distribution after the generations from place `first` of what was told."""
        from cmaes import CMA  # type: ignore[import-untyped]

        rows, width = self._cube.rows(told), self._cube.dimensions
        cma = CMA(np.full(width, 0.5), STEP, seed=seed, population_size=self._size)
        for begin in range(first, len(told), self._size):
            places = range(begin, begin + self._size)
            ranked = sorted(places, key=lambda i: told[i].rank, reverse=True)
            cma.tell([(rows[i], float(place)) for place, i in enumerate(ranked)])
            if cma.should_stop():  # it has nothing more to learn here: look elsewhere
                cma = CMA(sobol(width, 1, begin, seed)[0], STEP, seed=seed, population_size=self._size)
        drawn = np.array([cma.ask() for _ in range(count)]).reshape(count, width)
        reflected: Rows = 1 - np.abs(1 - drawn % 2)  # at the edges; to draw again until inside takes long
        return reflected


SAMPLER = CmaEs
