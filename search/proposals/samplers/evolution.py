"""A small evolution: the best points so far, crossed and changed a little."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from ....spaces import Space
from .cube import Cube, Rows
from .qmc import sobol
from .sampler import Observation, Sampler

PARENTS = 0.15  # the share of the points told that may have children
CHANGE = 0.3  # the probability that a coordinate of a child of two is changed
STEP = 0.15  # by how much of its domain (standard deviation)
NEAR = 0.5  # the share of children of one parent, which stay near it
ELITE = 3  # how much likelier the best are to be that parent: one in four is the best of 64
MOVES = 2  # the coordinates, on average, that such a child differs in
STEPS = (0.05, 0.1, 0.2)  # and by how much, one of these for all of them
FRESH = 0.1  # the share of children that are fresh points instead


class Evolution(Sampler):
    """Uniform crossover of two good parents or a small step from one, and some fresh points.

    Changes are Gaussian and reflected at the edges. Crossing finds what goes together; a small step improves
    what is good already, such as a tuned standard loss, which a step in many coordinates only spoils.

    Args:
        space: The space of the points.
        budget: Not read.
        width: Not read.
    """

    reason = "sampler evolution: children of the best points"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._cube = Cube(space)

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        width = self._cube.dimensions
        if not width:
            return [{} for _ in range(count)]
        fresh = sobol(width, count, start, seed)
        if not told:
            return self._cube.points(fresh)
        rng = np.random.default_rng([seed, start])
        ranked = sorted(told, key=attrgetter("rank"), reverse=True)
        parents = self._cube.rows(ranked[: max(4, int(len(ranked) * PARENTS))])
        children = _children(parents, count, rng)
        return self._cube.points(np.where(rng.random((count, 1)) < FRESH, fresh, children))


def _children(parents: Rows, count: int, rng: np.random.Generator) -> Rows:
    """`count` rows, each made of two of the parents, the best of which come first, or near one of them."""
    shape = (count, parents.shape[1])
    mothers, fathers = parents[rng.integers(len(parents), size=(2, count))]
    better = parents[(len(parents) * rng.random(count) ** ELITE).astype(int)]
    near = rng.random((count, 1)) < NEAR
    rows = np.where(near, better, np.where(rng.random(shape) < 0.5, mothers, fathers))
    changed = rng.random(shape) < np.where(near, (MOVES - 1) / shape[1], CHANGE)
    changed |= near & (np.arange(shape[1]) == rng.integers(shape[1], size=(count, 1)))  # one at least
    steps = np.where(near, rng.choice(STEPS, (count, 1)), STEP)
    rows = np.abs(rows + changed * steps * rng.normal(size=shape))
    reflected: Rows = np.where(rows > 1, 2 - rows, rows).clip(0, 1)
    return reflected


SAMPLER = Evolution
