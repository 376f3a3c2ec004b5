"""Ask and tell, in cohorts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...spaces import LEARNING_RATE, Domain, Space
from ...spaces.recipe import Recipe
from ..records import Candidate, Trial
from .history import History
from .samplers import Observation, sampler_named
from .samplers.qmc import sobol

RATES = 10.0  # the learning rate is searched from a tenth of the recipe's to ten times it
TRIES = 20  # cohorts asked for, at most, to replace losses that were trained before


class Proposer:
    """Proposes candidates and learns from what came of them.

    Equal losses with equal recipes are never proposed twice. `asked` counts the points asked of the sampler;
    a search that is rebuilt from its trials is given it back. `reason` says in a line which sampler proposes
    and why.

    Args:
        space: The losses that may be proposed.
        recipe: How models are trained; what the space says of it is searched.
        sampler: The sampler's name.
        budget: How many points will be asked for in all; None where that is not known.
        width: How many are asked for at once; None where that is not known.
        seed: The seed of every proposal.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """

    def __init__(
        self,
        space: Space,
        recipe: Recipe,
        *,
        sampler: str = "auto",
        budget: int | None = None,
        width: int | None = None,
        seed: int = 0,
        sign: int = 1,
    ) -> None:
        self.space = space.with_learning_rate(Domain(recipe.rate / RATES, recipe.rate * RATES, log=True))
        self._recipe, self._seed, self._sign = recipe, seed, sign
        self._sampler = sampler_named(sampler)(self.space, budget, width)
        self._told = History()
        self._known: set[str] = set()
        self.asked = 0
        self.reason = self._sampler.reason

    def ask(self, count: int) -> list[Candidate]:
        """Return up to `count` new candidates; fewer when the space holds no more."""
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

    def know(self, trials: Iterable[Trial]) -> None:
        """Propose none of these trials again; what came of them may be told later."""
        self._known.update(trial.candidate.key for trial in trials)

    def tell(self, trials: Iterable[Trial]) -> None:
        """Learn from finished trials: of this search's asking, or of standard losses in its space."""
        for trial in trials:
            candidate, outcome = trial.candidate, trial.outcome
            self._known.add(candidate.key)
            point = candidate.point or self.space.point_of(
                candidate.spec, candidate.recipe.rate, candidate.recipe.to_json()
            )
            if point is not None:
                bad = outcome.state in ("diverged", "rejected")
                share = 0.0 if bad else outcome.epochs / candidate.recipe.epochs
                self._told.add(Observation(point, self._sign * outcome.score, share))

    def _candidate(self, point: dict[str, float]) -> Candidate:
        return Candidate(self.space.loss_at(point), self._recipe_at(point), point=point)

    def _recipe_at(self, point: Mapping[str, float]) -> Recipe:
        said = self.space.recipe_at(point)
        rounded = {name: v if isinstance(v, str) else float(f"{v:.12g}") for name, v in said.items()}
        return replace(self._recipe, **rounded)  # type: ignore[arg-type]  # a space checks what it says

    def recipes(self, count: int) -> list[Recipe]:
        """Return `count` recipes spread over what of the recipe is searched, for tuning standard losses.

        Their learning rates are the middles of equal parts of its range, the smallest first; whatever else is
        searched is spread evenly beside it. There is one recipe where nothing of it is searched.
        """
        searched = {name: d for name, d in self.space.coordinates().items() if name.startswith("recipe.")}
        rate = searched.pop(LEARNING_RATE, None)
        if rate is None and not searched:
            return [self._recipe_at({})]
        points: list[dict[str, float]] = [{} for _ in range(count)]
        if rate is not None:
            points = [{LEARNING_RATE: rate.at((i + 0.5) / count)} for i in range(count)]
        if searched:
            for point, row in zip(points, sobol(len(searched), count, 0, self._seed), strict=True):
                point |= {n: d.at(float(u)) for (n, d), u in zip(searched.items(), row, strict=True)}
        return [self._recipe_at(point) for point in points]
