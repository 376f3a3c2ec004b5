"""The tree-structured Parzen estimator, a cohort at a time.

Optuna's proposes one point after the other, each at the cost of fitting both densities anew: 20 to 300 ms
here. This one fits them once for a cohort and draws all of its points from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from ...spaces import Space
from .cube import Cube, Rows
from .qmc import sobol
from .sampler import Sampler, Told

WINDOW = 1000  # latest trials the densities are fitted to: more hardly change its advice
DESIGN = 10  # trials that are spread evenly before the densities say anything
CANDIDATES = 24  # drawn for each point, of which the most promising is proposed
GOOD, MOST_GOOD = 0.1, 25  # the share of trials that count as good, and their largest number


class Tpe(Sampler):
    """Points likely among good trials and unlikely among the others (Bergstra et al. 2011, NeurIPS).

    Both densities are mixtures of truncated normals around the trials and one uniform component, all of one
    bandwidth that shrinks by Scott's rule, as in BOHB (Falkner et al. 2018, arXiv 1807.01774).
    """

    reason = "sampler tpe: where good trials are likelier than others"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._cube = Cube(space)

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        width = self._cube.dimensions
        if not width:
            return [{} for _ in range(count)]
        if len(told) < DESIGN:
            return self._cube.points(sobol(width, count, start, seed))
        ranked = sorted(told[-WINDOW:], key=attrgetter("rank"), reverse=True)
        good = min(MOST_GOOD, int(np.ceil(GOOD * len(ranked))))
        rows = self._cube.rows(ranked)
        better, worse = _Density(rows[:good]), _Density(rows[good:])
        drawn = better.draw(count * CANDIDATES, np.random.default_rng([seed, start]))
        promise = (better.log(drawn) - worse.log(drawn)).reshape(count, CANDIDATES)
        chosen = drawn.reshape(count, CANDIDATES, width)[np.arange(count), promise.argmax(1)]
        return self._cube.points(chosen)


class _Density:
    """A mixture on the unit cube: a truncated normal around each centre, and the uniform density."""

    def __init__(self, centres: Rows) -> None:
        """Around `centres` (points, dimensions)."""
        from scipy.special import ndtr

        points, dimensions = centres.shape
        self._centres = centres
        self._width = 0.2 * points ** (-1 / (dimensions + 4))  # the bandwidth, of each domain
        self._below, self._above = ndtr(-centres / self._width), ndtr((1 - centres) / self._width)

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        """`count` rows."""
        from scipy.special import ndtri

        points, dimensions = self._centres.shape
        which, even = rng.integers(points + 1, size=count), rng.random((count, dimensions))
        near = np.minimum(which, points - 1)
        low, high = self._below[near], self._above[near]
        normal = self._centres[near] + self._width * ndtri(low + even * (high - low))
        return np.where((which == points)[:, None], even, normal).clip(0, 1)

    def log(self, rows: Rows) -> Rows:
        """The logarithm of the density at rows (count, dimensions), (count,)."""
        from scipy.special import logsumexp

        points, dimensions = self._centres.shape
        squares = (rows**2).sum(1)[:, None] - 2 * rows @ self._centres.T + (self._centres**2).sum(1)
        scale = np.log(self._above - self._below).sum(1) + dimensions * np.log(
            self._width * np.sqrt(2 * np.pi)
        )
        normal = -squares / (2 * self._width**2) - scale
        every = np.concatenate([normal, np.zeros((len(rows), 1))], 1)
        density: Rows = logsumexp(every, axis=1) - np.log(points + 1)
        return density
