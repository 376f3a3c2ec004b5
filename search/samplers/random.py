"""Independent uniform points: the control."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...spaces import Space
from .sampler import Sampler, Told


class Random(Sampler):
    """Every point is drawn afresh."""

    def __init__(self, space: Space, budget: int | None) -> None:
        self._coordinates = space.coordinates()

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        draws = np.random.default_rng([seed, start]).random((count, len(self._coordinates)))
        return [
            {
                name: domain.at(float(u))
                for (name, domain), u in zip(self._coordinates.items(), row, strict=True)
            }
            for row in draws
        ]
