"""The default: which sampler suits the width of the cohorts, the dimension of the space and the budget."""

from __future__ import annotations

from collections.abc import Sequence

from ....spaces import Space
from .evolution import Evolution
from .qmc import Qmc
from .sampler import Observation, Sampler
from .tpe import Tpe

DESIGN = 0.4  # the share of the budget that is spread evenly before the evolution begins
UNKNOWN_BUDGET, UNKNOWN_WIDTH = 512, 64
NARROW, MANY = 16, 8  # cohorts this small that come this often are worth a model's advice


class Auto(Sampler):
    """An even design, then evolution; all design where nothing can be learnt, TPE where cohorts are small.

    In cohorts of hundreds the design with evolution did as well as any model.

    Args:
        space: The space of the points.
        budget: How many points are asked for in all; None where that is not known.
        width: How many are asked for at once; None where that is not known.
    """

    def __init__(self, space: Space, budget: int | None, width: int | None = None) -> None:
        trials, wide = budget or UNKNOWN_BUDGET, width or UNKNOWN_WIDTH
        cohorts, dimensions = -(-trials // wide), len(space.coordinates())
        about = f"{trials} trials in cohorts of {wide} over {dimensions} searched numbers"
        self._first: Sampler = Qmc(space, budget, width)
        self._then: Sampler = Evolution(space, budget, width)
        self._until = int(DESIGN * trials)
        if cohorts < 2:
            self.reason = (
                f"sampler auto: losses spread evenly, for {about} are one cohort: nothing is known before it"
            )
        elif wide <= NARROW and cohorts >= MANY:
            self._then, self._until = Tpe(space, budget, width), min(self._until, 2 * dimensions)
            self.reason = (
                f"sampler auto: {self._until} losses spread evenly, then what a model of the scores advises "
                f"(tpe), for {about} are small steps that it can guide"
            )
        else:
            self.reason = (
                f"sampler auto: {self._until} losses spread evenly, then others bred from the best "
                f"(evolution), as good as any model for {about}"
            )

    def propose(
        self, told: Sequence[Observation], count: int, start: int, seed: int
    ) -> list[dict[str, float]]:
        return (self._first if start < self._until else self._then).propose(told, count, start, seed)


SAMPLER = Auto
