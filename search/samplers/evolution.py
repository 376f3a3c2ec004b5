"""A small evolution: the best points so far, crossed and changed a little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...spaces import Space
from .qmc import Qmc
from .sampler import Sampler, Told

PARENTS = 0.15  # the share of the points told that may have children
CHANGE = 0.3  # the probability that a coordinate of a child is changed
STEP = 0.15  # by how much of its domain (standard deviation)
FRESH = 0.1  # the share of children that are fresh points instead


class Evolution(Sampler):
    """Uniform crossover of two good parents, Gaussian changes reflected at the edges, some fresh points."""

    def __init__(self, space: Space, budget: int | None) -> None:
        self._coordinates = space.coordinates()
        self._design = Qmc(space, budget)

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        points = self._design.propose((), count, start, seed)
        if not told or not self._coordinates:
            return points
        rng = np.random.default_rng([seed, start])
        ranked = sorted(told, key=lambda t: t.rank, reverse=True)
        parents = np.array(
            [
                [d.share(t.point[n]) for n, d in self._coordinates.items()]
                for t in ranked[: max(4, int(len(ranked) * PARENTS))]
            ]
        )
        width = parents.shape[1]
        for child in range(count):
            if rng.random() < FRESH:
                continue
            mother, father = parents[rng.integers(len(parents), size=2)]
            shares = np.where(rng.random(width) < 0.5, mother, father)
            changed = rng.random(width) < CHANGE
            shares = np.abs(shares + changed * rng.normal(0, STEP, width))
            shares = np.where(shares > 1, 2 - shares, shares).clip(0, 1)
            points[child] = {
                n: d.at(float(u)) for (n, d), u in zip(self._coordinates.items(), shares, strict=True)
            }
        return points
