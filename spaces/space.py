"""Which losses may be searched: named domains over the family, with switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..losses import Kind, LossSpec, part, parts_for
from ..losses.errors import UserError
from ..losses.family import MIX
from ..losses.spec import part_and_parameter
from .domain import Domain
from .numbers import check
from .recipe import LEARNING_RATE, RECIPE, checked_options, option_at

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SWITCH = "on"


@dataclass(frozen=True)
class Space:
    """The losses of one kind, and the numbers of a recipe, that a search may propose.

    A *point* is what a sampler proposes: a number for each domain, and for each switch a number in
    [0, 1] under the name "PART.on"; the part is on when that number is below the switch's probability. So
    every coordinate is a plain number, whatever the sampler.

        >>> space = Space(
        ...     "multiclass",
        ...     domains={"mix.gce": Domain(0.02, 1), "gce.q": Domain(0.1, 1), "focal.gamma": Domain(0, 5)},
        ...     switches={"focal": 0.5},
        ...     fixed={"mix.cross_entropy": 1.0},
        ... )
        >>> list(space.coordinates())
        ['focal.on', 'mix.gce', 'gce.q', 'focal.gamma']
        >>> point = {"focal.on": 0.9, "mix.gce": 1.0, "gce.q": 0.7, "focal.gamma": 2.0}
        >>> dict(space.loss_at(point).parameters)  # the switch is at .9, above .5: focal is off
        {'mix.cross_entropy': 0.5, 'mix.gce': 0.5, 'gce.q': 0.7}

    Args:
        kind: multiclass, binary, multilabel or regression.
        domains: the range of every searched number: parameters of parts ("focal.gamma"), weights of terms
            ("mix.gce") and numbers of the recipe ("recipe.learning_rate").
        switches: the probability that a part is in the loss at all, in [0, 1], so that simple losses are
            likely; a part without a switch always is.
        fixed: numbers that do not vary, by the same names.
        name: the preset's name, or "own".
        reason: in a line, why this space was chosen.
        options: the words that a parameter of the recipe may be ("recipe.schedule"), by name.
        extensible: whether the parts of the best standard losses join the space once those are tuned.
        given: the names whose range a SPEC gives, which is therefore never widened.

    Raises:
        UserError: an unknown name, a value outside the domain of a formula, or no term that can be on.
    """

    kind: Kind
    domains: Mapping[str, Domain]
    switches: Mapping[str, float]
    fixed: Mapping[str, float]
    name: str = "own"
    reason: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extensible: bool = False
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, domain in self.domains.items():
            domain.check(name)
            for end in (domain.low, domain.high):
                check(name, self.kind, end)
        for name, value in self.fixed.items():
            check(name, self.kind, value)
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

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts this space speaks of, in the family's order."""
        named = {part_and_parameter(name)[0] for name in {**self.domains, **self.fixed}}
        return tuple(name for name in parts_for(self.kind) if name in named)

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms among the parts."""
        return tuple(name for name in self.parts if part(name).stage == "term")

    def _may_be_on(self, name: str) -> bool:
        return self.switches.get(name, 1.0) > 0

    def coordinates(self) -> dict[str, Domain]:
        """Every number a point consists of. What cannot be on has no coordinate."""
        switches = (name for name, probability in self.switches.items() if 0 < probability < 1)
        return {
            **{f"{name}.{SWITCH}": Domain(0, 1) for name in switches},
            **{name: d for name, d in self.domains.items() if self._may_be_on(part_and_parameter(name)[0])},
            **{name: Domain(0, len(words)) for name, words in self.options.items() if len(words) > 1},
        }

    def distributions(self) -> dict[str, BaseDistribution]:
        """The coordinates as Optuna distributions."""
        from optuna.distributions import FloatDistribution

        return {name: FloatDistribution(d.low, d.high, log=d.log) for name, d in self.coordinates().items()}

    def parts_at(self, point: Mapping[str, float]) -> frozenset[str]:
        """The parts that are switched on in a point."""
        return frozenset(name for name in self.parts if self._is_on(name, point))

    def loss_at(self, point: Mapping[str, float]) -> LossSpec:
        """The loss a point means. With every term switched off it is the space's first term alone."""
        values = {**self.fixed, **point}
        on = self.parts_at(point)
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
        """The learning rate a point means; `default` where the space says nothing about it.

        Args:
            point: A number for each coordinate.
            default: The learning rate where the space says nothing about it.
        """
        return point.get(LEARNING_RATE, self.fixed.get(LEARNING_RATE, default))

    def point_of(
        self, spec: LossSpec, learning_rate: float, recipe: Mapping[str, object] | None = None
    ) -> dict[str, float] | None:
        """The point that means this loss, or None when the space does not contain it.

        Args:
            spec: the loss.
            learning_rate: with which the loss was trained.
            recipe: what else of the recipe it was trained with, by name ("weight_decay"); numbers that are
                not there lie in the middle of their range.
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
                point[name] = domain.clamp(spec.parameters.get(name, domain.at(0.5)))
        return point if self._means(point, spec) else None

    def _means(self, point: Mapping[str, float], spec: LossSpec) -> bool:
        found = self.loss_at(point).parameters
        return found.keys() == spec.parameters.keys() and all(
            abs(found[name] - value) <= 1e-6 * max(1, abs(value)) for name, value in spec.parameters.items()
        )

    def with_learning_rate(self, domain: Domain) -> Space:
        """The same space with `domain` for the learning rate, unless it says something about that already."""
        if LEARNING_RATE in {**self.domains, **self.fixed}:
            return self
        return replace(self, domains={**self.domains, LEARNING_RATE: domain})
