"""What of a recipe may be searched beside the loss: all that the members of a cohort need not share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..losses.errors import UserError, unknown
from .domain import Domain

RECIPE = "recipe"
LEARNING_RATE = f"{RECIPE}.learning_rate"


@dataclass(frozen=True)
class RecipeParameter:
    """A number of the recipe: where it is defined, and the range it is usually searched in.

    `low` and `high` are excluded where `open` names them. With `options` it is one of several words instead.
    """

    usual: Domain | None = None
    low: float = 0.0
    high: float = float("inf")
    open: str = ""
    options: tuple[str, ...] = ()

    def check(self, name: str, value: float) -> None:
        """Raise `UserError` for a value it cannot have."""
        above = value > self.low if "low" in self.open else value >= self.low
        below = value < self.high if "high" in self.open else value <= self.high
        if not (above and below):
            left, right = "(" if "low" in self.open else "[", ")" if "high" in self.open else "]"
            raise UserError(f"{name} must lie in {left}{self.low:g}, {self.high:g}{right}, but got {value:g}")


PARAMETERS = {
    "learning_rate": RecipeParameter(open="low high"),
    "weight_decay": RecipeParameter(Domain(1e-6, 1e-2, log=True), open="high"),
    "momentum": RecipeParameter(Domain(0.5, 0.99), high=1, open="high"),
    "clip": RecipeParameter(Domain(0.1, 10, log=True), open="low high"),
    "schedule": RecipeParameter(options=("constant", "cosine", "one_cycle", "step")),
    "step_factor": RecipeParameter(Domain(0.03, 0.5, log=True), high=1, open="low high"),
    "stop_after": RecipeParameter(Domain(0.1, 1), high=1, open="low"),
}


def recipe_parameter(name: str) -> RecipeParameter:
    """The parameter of a name such as "recipe.clip"; a `UserError` for one that cannot be searched."""
    found = PARAMETERS.get(name.removeprefix(f"{RECIPE}."))
    if found is None:
        raise unknown(
            "parameter of the recipe to search", name, (f"{RECIPE}.{known}" for known in PARAMETERS)
        )
    return found


def checked_options(name: str, options: Sequence[str]) -> tuple[str, ...]:
    """`options` that a parameter has and may be searched over; a `UserError` for others."""
    known = recipe_parameter(name).options
    if not known:
        raise UserError(
            f"space: {name} must be a number or a mapping of low, high and log, but got {options!r}"
        )
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    if not options:
        raise UserError(f"space: {name} must list at least one of {', '.join(known)}")
    return tuple(dict.fromkeys(options))


def option_at(options: Sequence[str], value: float) -> str:
    """The option that a coordinate between 0 and their number means."""
    return options[min(int(value), len(options) - 1)]
