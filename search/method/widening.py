"""Searched numbers of the recipe whose best value lies at an end of what was tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...losses import Kind
from ...spaces import LEARNING_RATE, Domain, Space
from ...spaces.recipe import RECIPE, recipe_parameter
from ...spaces.widen import End
from ...spaces.widen import beyond as beyond_range
from ...spaces.widen import edges as range_edges
from ..records import Candidate, Trial

SHARE = 0.2  # of a range, in its scale: how far beyond the outermost value the next one lies
NEAR = 1e-9


@dataclass(frozen=True)
class Edge:
    """A number whose best value is the outermost one that was tried.

    Attributes:
        name: The number's name, as "recipe.learning_rate".
        value: The best value.
        end: "low" or "high".
    """

    name: str
    value: float
    end: End

    @property
    def words(self) -> str:
        """The number and its end, for people."""
        name = self.name.removeprefix(f"{RECIPE}.").replace("_", " ")
        return f"{name} {self.value:.3g} is the {'smallest' if self.end == 'low' else 'largest'} tried"


def edges(best: Trial, trials: Sequence[Trial], searched: Mapping[str, Domain]) -> list[Edge]:
    """Return the searched numbers for which the best trial of a loss has the outermost value tried with it.

    Args:
        best: The loss's best trial.
        trials: Every trial of the same loss.
        searched: The ranges of the recipe's searched numbers, by name.
    """
    found = []
    for name in searched:
        values = sorted({_value(trial, name) for trial in trials})
        own = _value(best, name)
        if len(values) > 1 and not any(map(math.isnan, values)) and own in (values[0], values[-1]):
            found.append(Edge(name, own, "low" if own == values[0] else "high"))
    return found


def further(edge: Edge, domain: Domain, kind: Kind, step: float = SHARE) -> float | None:
    """Return the next value beyond an edge; None where nothing is defined beyond it.

    Args:
        edge: Where the best value lies.
        domain: The range that is searched, whose scale is used.
        kind: The kind of problem.
        step: How far to go, as a share of the range.
    """
    low = edge.end == "low"
    reached = replace(domain, low=edge.value) if low else replace(domain, high=edge.value)
    value: float = getattr(beyond_range(edge.name, kind, reached, edge.end, step), edge.end)
    near = math.isclose(value, edge.value, rel_tol=NEAR, abs_tol=NEAR)
    return None if domain.low == domain.high or near else value


def ends(candidate: Candidate, space: Space) -> list[Edge]:
    """Return the numbers of a proposed candidate that lie at an end of their range, where more is defined.

    Args:
        candidate: The candidate.
        space: The space that it was proposed from.
    """
    point = candidate.point or {}
    return [Edge(name, point[name], end) for name, end in range_edges(space, [point]).items()]


def moved(candidate: Candidate, name: str, value: float) -> Candidate:
    """Return the candidate with one number of its recipe at another value.

    Args:
        candidate: The candidate.
        name: The number's name, as "recipe.learning_rate".
        value: Its value.
    """
    if name == LEARNING_RATE:
        return replace(candidate, recipe=candidate.recipe.with_rate(value))
    rounded = float(f"{value:.12g}")
    recipe = replace(candidate.recipe, **{name.removeprefix(f"{RECIPE}."): rounded})  # type: ignore[arg-type]  # numbers
    return replace(candidate, recipe=recipe)


def searched_numbers(space: Space) -> dict[str, Domain]:
    """Return the numbers of the recipe that a space searches, with their ranges."""
    return {
        name: domain
        for name, domain in space.coordinates().items()
        if name.startswith(f"{RECIPE}.") and not recipe_parameter(name).options
    }


def beyond(
    best: Trial, trials: Sequence[Trial], searched: Mapping[str, Domain], kind: Kind
) -> list[Candidate]:
    """Return a loss at values beyond those of its numbers whose best is the outermost that was tried.

    One number is moved at a time, and then all of them together.

    Args:
        best: The loss's best trial.
        trials: Every trial of the same loss.
        searched: The ranges of the recipe's searched numbers, by name.
        kind: The kind of problem.
    """
    values = {
        edge.name: value
        for edge in edges(best, trials, searched)
        if (value := further(edge, searched[edge.name], kind)) is not None
    }
    found = [moved(best.candidate, name, value) for name, value in values.items()]
    if len(values) > 1:
        together = best.candidate
        for name, value in values.items():
            together = moved(together, name, value)
        found.append(together)
    return found


def widened(space: Space, best: Sequence[Trial]) -> dict[str, Domain]:
    """Return the ranges that some of the best trials lie outside of, as they should be searched.

    A range then ends half a step beyond the outermost of the best values, as far as anything is defined
    there: losses are to be proposed wherever standard ones were tuned.

    Args:
        space: The space.
        best: The best trials of the standard losses that matter.
    """
    wider: dict[str, Domain] = {}
    for name, domain in searched_numbers(space).items():
        if name in space.given:  # whoever gave a range means it
            continue
        values = [_value(trial, name) for trial in best]
        low, high = min(values, default=domain.low), max(values, default=domain.high)
        if low < domain.low:
            end = further(Edge(name, low, "low"), domain, space.kind, SHARE / 2)
            wider[name] = replace(domain, low=low if end is None else end)
        if high > domain.high:
            end = further(Edge(name, high, "high"), domain, space.kind, SHARE / 2)
            wider[name] = replace(wider.get(name, domain), high=high if end is None else end)
    return wider


def _value(trial: Trial, name: str) -> float:
    if name == LEARNING_RATE:
        return trial.candidate.recipe.rate
    value = getattr(trial.candidate.recipe, name.removeprefix(f"{RECIPE}."))
    return math.nan if value is None else float(value)
