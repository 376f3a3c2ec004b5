"""What a part of the family is: a pure function together with everything there is to say about it.

A part file in `losses/terms/` holds one function and one `PART`. Spaces, the command line, the
documentation and the contract tests read the record; nothing else has to change when a part is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Literal, get_args

from torch import Tensor

from .errors import UserError, shown
from .kernels import PLAIN, Fast
from .kinds import KINDS, Kind
from .numerics import Number

__all__ = [
    "CLASSIFICATION",
    "COUNTED",
    "EVERY",
    "KINDS",
    "SIGNED",
    "STAGES",
    "Kind",
    "Number",
    "Parameter",
    "Part",
    "Standard",
]

Stage = Literal["adjust", "smooth", "term", "modulate", "weight", "select", "reduce"]
Level = Literal["sample", "batch"]

STAGES: tuple[Stage, ...] = get_args(Stage)
EVERY: tuple[Kind, ...] = tuple(KINDS)
CLASSIFICATION: tuple[Kind, ...] = tuple(name for name, kind in KINDS.items() if kind.classified)
SIGNED: tuple[Kind, ...] = tuple(name for name, kind in KINDS.items() if kind.target == "answer")
COUNTED: tuple[Kind, ...] = tuple(name for name, kind in KINDS.items() if kind.counted)


@dataclass(frozen=True)
class Parameter:
    """One real parameter of a part.

    Args:
        name: A Python name.
        default: The value where nothing is said.
        search: The range that a space starts from.
        domain: Where the formula is defined, ends included.
        open_low: Whether the lower end of the domain is excluded.
        log: Whether it is searched evenly in its logarithm.
        neutral: The value at which the part disappears from the loss; None where no value does.
        about: What it does, for people, in a few words.
        per_loss: Whether its unit is one over that of the loss, so that it changes with the loss's scale.
    """

    name: str
    default: float
    search: tuple[float, float]
    domain: tuple[float, float] = (-math.inf, math.inf)
    open_low: bool = False
    log: bool = False
    neutral: float | None = None
    about: str = ""
    per_loss: bool = False

    def __post_init__(self) -> None:
        """Raise `UserError` unless the numbers are numbers, in an order that can be searched."""
        _check_parameter(self)

    def allows(self, value: float) -> bool:
        """Whether the formula is defined at `value`; never for NaN and infinities."""
        low, high = self.domain
        return (low < value if self.open_low else low <= value) and value <= high and math.isfinite(value)

    def check(self, owner: str, value: float) -> float:
        """The value as a float.

        Args:
            owner: The part's name, for the message.
            value: A number.

        Raises:
            UserError: The value lies outside the domain.
        """
        low, high = self.domain
        if not self.allows(value):
            bracket = "(" if self.open_low or low == -math.inf else "["
            end = ")" if high == math.inf else "]"
            raise UserError(
                f"{owner}.{self.name} must lie in {bracket}{low:g}, {high:g}{end}, but got {value:g}; "
                f"its usual range is {self.search[0]:g} to {self.search[1]:g}"
            )
        return float(value)


def _check_parameter(given: Parameter) -> None:
    name: object = given.name
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise UserError(
            f"a parameter must have a Python name, but got {shown(name)}; write Parameter('gamma', ...)"
        )
    for what, pair in (("search", given.search), ("domain", given.domain)):
        two = isinstance(pair, tuple | list) and len(pair) == 2 and all(map(_is_number, pair))
        if not two or not pair[0] < pair[1]:
            raise UserError(
                f"{what} of the parameter {name} must be two numbers, the smaller one first, but got "
                f"{shown(pair)}; write {what}=(0.5, 2.0)"
            )
    for what, value in (("default", given.default), ("neutral", given.neutral)):
        if (what == "default" or value is not None) and not (
            _is_number(value) and given.allows(float(value or 0))
        ):
            low, high = given.domain
            raise UserError(
                f"{what} of the parameter {name} must be a finite number of its domain, "
                f"{low:g} to {high:g}, but got {shown(value)}"
            )
    low, high = given.search
    if not (given.allows(low) and given.allows(high)):
        raise UserError(
            f"search of the parameter {name} must be finite and lie in its domain, "
            f"{given.domain[0]:g} to {given.domain[1]:g}, but got {shown(given.search)}"
        )
    if not isinstance(given.log, bool) or (given.log and low <= 0):
        raise UserError(
            f"log of the parameter {name} must be True or False, and True only where search begins above 0, "
            f"but got log={shown(given.log)} and search={shown(given.search)}"
        )


def _is_number(value: object) -> bool:
    """Whether a value is a real number that a float can hold, and not NaN."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    except OverflowError:
        return False


@dataclass(frozen=True)
class Standard:
    """A loss people use today, as a point of the family.

    Args:
        parameters: The family's parameters by name; without a weight `mix.TERM` among them, the part's own
            term has weight 1.
        kinds: The kinds of problem that use it under this name; None for those of the part.
    """

    parameters: Mapping[str, float] = field(default_factory=dict)
    kinds: tuple[Kind, ...] | None = None


@dataclass(frozen=True)
class Part:
    """A named part of the loss family.

    What its function returns depends on its stage:

    - `adjust`: new logits, of the shape of the logits
    - `smooth`: the expected log-likelihood, (N,); (N, L) for multilabel
    - `term`: a loss, of the same shape; or, with `level="batch"`, one number for the whole batch
    - `modulate`: a factor, of the same shape
    - `weight`: a weight, of the same shape; the mean divides by the sum of the weights
    - `select`: the weight (N,) that is left of `weight` (N,), given the `loss` (N,) of each sample
    - `reduce`: the loss of the batch, given `loss` (N,) and `weight` (N,)

    Args:
        name: A Python name, and the name of its file.
        stage: Where in the loss it stands, one of `STAGES`.
        kinds: The kinds of problem that it serves.
        function: Takes the quantities that it names as positional arguments (`losses/kinds/`) and the
            parameters as keyword arguments.
        formula: The formula in plain text, a parameter as {name}.
        latex: The same for a math environment.
        source: The paper, with its equation.
        parameters: Its parameters, in the order of the formula.
        standards: The standard losses that it is known by, each by name.
        order: Its place among the parts of its stage.
        level: Whether a term is a loss of each sample or of the batch.
        same_as: Takes the parameters of a term and returns the other parameters of the family that mean the
            same, or None: {"mix.mae": 1} for generalised cross entropy at q = 1. The numbers are factors of
            the term's own weight; a parameter of another part is allowed where the term stands alone.
        frozen_factor: Whether the gradient of a factor is stopped, so that the gradient of the loss is not
            the derivative of its value (unless every parameter is neutral).
        broadcasts: Whether inputs may have any axes before the samples', with data constants (..., 1, K) or
            without those axes and numbers of any shape that broadcasts: then many losses are computed without
            `vmap`.
        fast: Functions that stand in for `function` where speed counts.
    """

    name: str
    stage: Stage
    kinds: tuple[Kind, ...]
    function: Callable[..., Tensor]
    formula: str
    latex: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    standards: Mapping[str, Standard] = field(default_factory=dict)
    order: int = 0
    level: Level = "sample"
    same_as: Callable[..., Mapping[str, float] | None] | None = None
    frozen_factor: bool = False
    broadcasts: bool = False
    fast: Fast = PLAIN

    @property
    def neutral(self) -> dict[str, float] | None:
        """The values that switch the part off, or None where none do (a term is off at weight zero)."""
        values = {p.name: p.neutral for p in self.parameters if p.neutral is not None}
        return values or None

    def is_neutral(self, values: Mapping[str, float]) -> bool:
        """Whether the part disappears at these parameter values: every neutral value is met."""
        neutral = self.neutral
        return neutral is not None and all(values[name] == value for name, value in neutral.items())

    def standards_for(self, kind: Kind) -> dict[str, Mapping[str, float]]:
        """The standard losses declared here that problems of `kind`, which it serves, use; all parameters."""
        return {
            name: standard.parameters
            if any(key.startswith("mix.") for key in standard.parameters)
            else {f"mix.{self.name}": 1, **standard.parameters}
            for name, standard in self.standards.items()
            if standard.kinds is None or kind in standard.kinds
        }
