"""Ask and tell, in cohorts."""

from __future__ import annotations

from collections.abc import Iterable

from ..losses.errors import unknown
from ..spaces import Domain, Space
from .recipe import Recipe
from .samplers import SAMPLERS, Told
from .trial import Candidate, Trial

RATES = 10.0  # the learning rate is searched from a tenth of the recipe's to ten times it
TRIES = 20  # cohorts asked for, at most, to replace losses that were trained before


class Search:
    """Proposes candidates and learns from what came of them.

    `sign` is +1 when a greater score is better, -1 when a smaller one is. `budget` is the number of
    trials in all, if it is known. Equal losses with equal recipes are never proposed twice. `asked`
    counts the points asked of the sampler; a search that is rebuilt from its trials is given it back.
    """

    def __init__(
        self,
        space: Space,
        recipe: Recipe,
        *,
        sampler: str = "auto",
        budget: int | None = None,
        seed: int = 0,
        sign: int = 1,
    ) -> None:
        if sampler not in SAMPLERS:
            raise unknown("sampler", sampler, SAMPLERS)
        self.space = space.with_learning_rate(Domain(recipe.rate / RATES, recipe.rate * RATES, log=True))
        self._recipe, self._seed, self._sign = recipe, seed, sign
        self._sampler = SAMPLERS[sampler](self.space, budget)
        self._told: list[Told] = []
        self._known: set[str] = set()
        self.asked = 0

    def ask(self, count: int) -> list[Candidate]:
        """Up to `count` new candidates; fewer when the space holds no more."""
        found: list[Candidate] = []
        for _ in range(TRIES):
            missing = count - len(found)
            if missing == 0:
                break
            for point in self._sampler.propose(self._told, missing, self.asked, self._seed):
                candidate = self._candidate(point)
                if candidate.key not in self._known:
                    self._known.add(candidate.key)
                    found.append(candidate)
            self.asked += missing
        return found

    def tell(self, trials: Iterable[Trial]) -> None:
        """Learn from finished trials: of this search's asking, or of standard losses in its space."""
        for trial in trials:
            candidate, outcome = trial.candidate, trial.outcome
            self._known.add(candidate.key)
            point = candidate.point or self.space.point_of(candidate.spec, candidate.recipe.rate)
            if point is not None:
                share = 0.0 if outcome.state == "diverged" else outcome.epochs / candidate.recipe.epochs
                self._told.append(Told(point, self._sign * outcome.score, share))

    def _candidate(self, point: dict[str, float]) -> Candidate:
        recipe = self._recipe.with_rate(self.space.learning_rate_at(point, self._recipe.rate))
        return Candidate(self.space.loss_at(point), recipe, point=point)

    def rates(self, count: int) -> list[float]:
        """`count` learning rates spread over the searched range, for tuning standard losses."""
        domain = self.space.coordinates().get("recipe.learning_rate")
        if domain is None:
            return [self.space.learning_rate_at({}, self._recipe.rate)]
        return [self._recipe.with_rate(domain.at((i + 0.5) / count)).rate for i in range(count)]
