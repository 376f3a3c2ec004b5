"""Which losses may be searched: named domains over the family, with switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..losses import Kind, LossSpec, part, parts_for
from ..losses.errors import UserError, unknown
from ..losses.family.steps import MIX
from .domain import Domain
from .recipe_table import LEARNING_RATE, RECIPE, checked_options, option_at, recipe_parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["LEARNING_RATE", "SWITCH", "WEIGHT", "Space"]

SWITCH = "on"
WEIGHT = Domain(0.02, 1, log=True)  # only ratios of weights matter


@dataclass(frozen=True)
class Space:
    """The losses of one kind that a search may propose.

    `domains` gives the range of every searched number: parameters of parts ("focal.gamma"), weights of
    terms ("mix.gce") and numbers of the recipe ("recipe.learning_rate"). `fixed` holds parameters that do
    not vary, `options` the words that one of the recipe may be ("recipe.schedule"). `switches` gives the
    probability that a part is in the loss at all, so that simple losses are likely; a part without a switch
    always is. `opens` says that the parts of the best standard losses join the space once those are tuned.

    A *point* is what a sampler proposes: a number for each domain, and for each switch a number in
    [0, 1] under the name "PART.on"; the part is on when it is below the switch's probability. This way
    every coordinate is a plain number, whatever the sampler.
    """

    kind: Kind
    domains: Mapping[str, Domain]
    switches: Mapping[str, float]
    fixed: Mapping[str, float]
    name: str = "own"
    reason: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opens: bool = False

    def __post_init__(self) -> None:
        for name, domain in self.domains.items():
            domain.check(name)
            for end in (domain.low, domain.high):
                self._check_value(name, end)
        for name, value in self.fixed.items():
            self._check_value(name, value)
        for name, options in self.options.items():
            checked_options(name, options)
        for name, probability in self.switches.items():
            part(name, self.kind)
            if not 0 <= probability <= 1:
                raise UserError(
                    f"the switch of {name} must be a probability between 0 and 1, but got {probability:g}"
                )
        if not any(self._may_be_on(name) for name in self.terms):
            raise UserError("a space needs at least one term that can be on; every term's switch is 0")

    def _check_value(self, name: str, value: float) -> None:
        owner, _, parameter = name.partition(".")
        if owner == RECIPE:
            recipe_parameter(name).check(name, value)
            return
        if owner == MIX:
            if part(parameter, self.kind).stage != "term" or value < 0:
                raise UserError(f"{name} must be the weight of a term and at least 0, but got {value:g}")
            return
        known = {p.name: p for p in part(owner, self.kind).parameters}
        if parameter not in known:
            raise unknown("parameter", name, (f"{owner}.{p}" for p in known))
        known[parameter].check(owner, value)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts this space speaks of, in the family's order."""
        named = {
            name.partition(".")[2] if name.startswith(f"{MIX}.") else name.partition(".")[0]
            for name in {**self.domains, **self.fixed}
        }
        return tuple(name for name in parts_for(self.kind) if name in named)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms among the parts."""
        return tuple(name for name in self.parts if part(name).stage == "term")

    def _may_be_on(self, name: str) -> bool:
        return self.switches.get(name, 1.0) > 0

    def coordinates(self) -> dict[str, Domain]:
        """Every number a point consists of. What cannot be on has no coordinate."""
        result: dict[str, Domain] = {}
        for name, probability in self.switches.items():
            if 0 < probability < 1:
                result[f"{name}.{SWITCH}"] = Domain(0, 1)
        for name, domain in self.domains.items():
            owner, _, rest = name.partition(".")
            if owner == RECIPE or self._may_be_on(rest if owner == MIX else owner):
                result[name] = domain
        result |= {
            name: Domain(0, len(options)) for name, options in self.options.items() if len(options) > 1
        }
        return result

    def distributions(self) -> dict[str, BaseDistribution]:
        """The coordinates as Optuna distributions."""
        from optuna.distributions import FloatDistribution

        return {name: FloatDistribution(d.low, d.high, log=d.log) for name, d in self.coordinates().items()}

    def loss_at(self, point: Mapping[str, float]) -> LossSpec:
        """The loss a point means. With every term switched off it is the space's first term alone."""
        values = {**self.fixed, **point}
        on = {name for name in self.parts if self._is_on(name, point)}
        terms = [name for name in self.terms if name in on] or [
            next(t for t in self.terms if self._may_be_on(t))
        ]
        parameters: dict[str, float] = {}
        for name in (*terms, *(name for name in self.parts if name in on and part(name).stage != "term")):
            if part(name).stage == "term":
                parameters[f"{MIX}.{name}"] = values.get(f"{MIX}.{name}", 1.0)
            for parameter in part(name).parameters:
                parameters[f"{name}.{parameter.name}"] = values.get(
                    f"{name}.{parameter.name}", parameter.default
                )
        return LossSpec(self.kind, parameters)

    def _is_on(self, name: str, point: Mapping[str, float]) -> bool:
        probability = self.switches.get(name, 1.0)
        return point.get(f"{name}.{SWITCH}", 0.0) < probability if 0 < probability < 1 else probability == 1

    def recipe_at(self, point: Mapping[str, float]) -> dict[str, float | str]:
        """What a point, or the space itself, says of the recipe: "weight_decay" is 1e-4."""
        said: dict[str, float | str] = {
            name: value
            for name, value in {**self.fixed, **point}.items()
            if name.startswith(f"{RECIPE}.") and name not in self.options
        }
        said |= {name: option_at(options, point.get(name, 0)) for name, options in self.options.items()}
        return {name.removeprefix(f"{RECIPE}."): value for name, value in said.items()}

    def learning_rate_at(self, point: Mapping[str, float], default: float) -> float:
        """The learning rate a point means."""
        return point.get(LEARNING_RATE, self.fixed.get(LEARNING_RATE, default))

    def point_of(
        self, spec: LossSpec, learning_rate: float, recipe: Mapping[str, object] | None = None
    ) -> dict[str, float] | None:
        """The point that means this loss, or None when the space does not contain it.

        `recipe` says what else of the recipe it was trained with, by name ("weight_decay"); numbers that it
        does not say lie in the middle of their range.
        """
        said = {f"{RECIPE}.{name}": value for name, value in (recipe or {}).items()}
        said[LEARNING_RATE] = learning_rate
        point: dict[str, float] = {}
        largest = max(value for name, value in spec.parameters.items() if name.startswith(f"{MIX}."))
        for name, domain in self.coordinates().items():
            owner, _, rest = name.partition(".")
            if rest == SWITCH:
                probability = self.switches[owner]
                point[name] = probability / 2 if owner in spec.parts else (1 + probability) / 2
            elif name in self.options:
                options = self.options[name]
                point[name] = 0.5 + (options.index(str(said[name])) if said.get(name) in options else 0)
            elif owner == RECIPE:
                number = said.get(name)
                point[name] = domain.clamp(number) if isinstance(number, int | float) else domain.at(0.5)
            elif owner == MIX:
                point[name] = domain.clamp(spec.parameters.get(name, largest) / largest)
            else:
                middle = (domain.low * domain.high) ** 0.5 if domain.log else (domain.low + domain.high) / 2
                point[name] = domain.clamp(spec.parameters.get(name, middle))
        return point if self._means(point, spec) else None

    def _means(self, point: Mapping[str, float], spec: LossSpec) -> bool:
        found = self.loss_at(point).parameters
        return found.keys() == spec.parameters.keys() and all(
            abs(found[name] - value) <= 1e-6 * max(1, abs(value)) for name, value in spec.parameters.items()
        )

    def with_learning_rate(self, domain: Domain) -> Space:
        """The same space with this range of learning rates, unless it already says something about them."""
        if LEARNING_RATE in {**self.domains, **self.fixed}:
            return self
        return replace(self, domains={**self.domains, LEARNING_RATE: domain})
