"""A scrambled Sobol sequence: points spread evenly over the space."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from ...spaces import Space
from .sampler import Sampler, Told


class Qmc(Sampler):
    """Points `start` and following of one Sobol sequence (Owen scrambling, keyed by the seed)."""

    def __init__(self, space: Space, budget: int | None) -> None:
        self._coordinates = space.coordinates()

    def propose(self, told: Sequence[Told], count: int, start: int, seed: int) -> list[dict[str, float]]:
        from scipy.stats.qmc import Sobol

        if not self._coordinates:
            return [{} for _ in range(count)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy warns of counts that are no power of two
            sequence = Sobol(len(self._coordinates), rng=seed % 2**32)
            if start:  # scipy cannot skip zero points
                sequence.fast_forward(start)
            draws = sequence.random(count)
        return [
            {
                name: domain.at(float(u))
                for (name, domain), u in zip(self._coordinates.items(), row, strict=True)
            }
            for row in draws
        ]
