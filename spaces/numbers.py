"""The numbers that a space may search, by name: "focal.gamma", "mix.gce", "recipe.learning_rate"."""

from __future__ import annotations

import math

from ..losses import Kind, Parameter, part
from ..losses.errors import UserError
from ..losses.family import MIX, parameter_named
from .domain import Domain
from .recipe import RECIPE, RecipeParameter, recipe_parameter

# Of the weights of terms only their ratios matter.
_WEIGHT = Parameter("weight", default=1.0, search=(0.02, 1), domain=(0, math.inf), log=True)
WEIGHT = Domain(*_WEIGHT.search, log=_WEIGHT.log)


def declared(name: str, kind: Kind) -> Parameter | RecipeParameter:
    """What is declared of a number.

    Args:
        name: Such as "focal.gamma".
        kind: The kind of problem.

    Raises:
        UserError: Problems of this kind have no number of this name.
    """
    owner, _, rest = name.partition(".")
    if owner == RECIPE:
        return recipe_parameter(name)
    if owner == MIX:
        if part(rest, kind).stage != "term":
            raise UserError(f"{name} must be the weight of a term, but {rest} is none")
        return _WEIGHT
    return parameter_named(name, kind)


def check(name: str, kind: Kind, value: float) -> None:
    """Raise unless a number exists and is defined at a value.

    Args:
        name: Such as "focal.gamma".
        kind: The kind of problem.
        value: The value.

    Raises:
        UserError: There is no such number, or the value lies outside its domain.
    """
    found = declared(name, kind)
    if isinstance(found, RecipeParameter):
        found.check(name, value)
    elif found is not _WEIGHT:
        found.check(name.partition(".")[0], value)
    elif not found.allows(value):
        raise UserError(f"{name} must be the weight of a term and at least 0, but got {value:g}")


def usual_domain(name: str, kind: Kind) -> Domain | None:
    """The range in which a number is usually searched; None where its range comes from elsewhere.

    Args:
        name: Such as "focal.gamma".
        kind: The kind of problem.
    """
    found = declared(name, kind)
    return found.usual if isinstance(found, RecipeParameter) else Domain(*found.search, log=found.log)


def limits(name: str, kind: Kind) -> tuple[float, float]:
    """The least and the greatest value at which a number is defined; they themselves may be excluded.

    Args:
        name: Such as "focal.gamma".
        kind: The kind of problem.
    """
    return declared(name, kind).domain
