"""Independent uniform points: the control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....spaces import Space
from .cube import Cube
from .sampler import Observation, Sampler


class Random(Sampler):
    """Every point is drawn afresh.

    Args:
        space: The space of the points.
        budget: Not read.
        width: Not read.
    """

    reason = "sampler random: independent points"

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        self._cube = Cube(space)

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        return self._cube.points(np.random.default_rng([seed, start]).random((count, self._cube.dimensions)))


SAMPLER = Random
