"""How a model is trained apart from its loss, and which of these numbers may be searched beside the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from sys import float_info
from typing import Any

from ..losses.errors import UserError, number_hint, unknown
from .domain import Domain

RECIPE = "recipe"
LEARNING_RATE = f"{RECIPE}.learning_rate"
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "one_cycle", "step")
DEFAULT_LEARNING_RATE = {"adam": 3e-3, "adamw": 3e-3, "sgd": 0.1}
MOST = 10**9  # epochs, or samples of a batch: more is a slip of the keyboard
_COUNTS = ("epochs", "batch_size", "step_epochs")


@dataclass(frozen=True)
class RecipeParameter:
    """A number of the recipe that the members of a cohort need not share, so that it may be searched.

    Args:
        usual: the range that is searched where a SPEC names the number and gives no ends; None where the
            range comes from elsewhere (the learning rate's from the recipe).
        domain: the least and the greatest value that is defined.
        open: which of the two ends are excluded: "low", "high" or "low high".
        options: the words that the parameter may be, where it is one of several words and no number.
        optional: whether None, for none, is a value too.
    """

    usual: Domain | None = None
    domain: tuple[float, float] = (0.0, math.inf)
    open: str = ""
    options: tuple[str, ...] = ()
    optional: bool = False

    @property
    def rule(self) -> str:
        """What a value must do, in words: "lie in [0, 1)", "be above 0"."""
        low, high = self.domain
        if high == math.inf:
            return f"be {'above' if 'low' in self.open else 'at least'} {low:g}"
        left, right = "(" if "low" in self.open else "[", ")" if "high" in self.open else "]"
        return f"lie in {left}{low:g}, {high:g}{right}"

    def allows(self, value: float) -> bool:
        """Whether a training is defined at `value`; never for NaN and infinities."""
        low, high = self.domain
        above = value > low if "low" in self.open else value >= low
        below = value < high if "high" in self.open else value <= high
        return above and below and abs(value) <= float_info.max  # whole numbers may be larger

    def check(self, name: str, value: float) -> None:
        """Raise unless a value is allowed.

        Args:
            name: What the message begins with.
            value: The value.

        Raises:
            UserError: The value is not allowed.
        """
        if self.options:
            raise UserError(f"{name} must be one of {', '.join(self.options)}, or a list, but got {value!r}")
        if not self.allows(value):
            raise UserError(f"{name} must {self.rule}, but got {value!r}")


PARAMETERS: Mapping[str, RecipeParameter] = {
    "learning_rate": RecipeParameter(open="low"),
    "weight_decay": RecipeParameter(Domain(1e-6, 1e-2, log=True)),
    "momentum": RecipeParameter(Domain(0.5, 0.99), (0, 1), open="high"),
    "clip": RecipeParameter(Domain(0.1, 10, log=True), open="low", optional=True),
    "schedule": RecipeParameter(options=SCHEDULES),
    "step_factor": RecipeParameter(Domain(0.03, 0.5, log=True), (0, 1), open="low high"),
    "stop_after": RecipeParameter(Domain(0.1, 1), (0, 1), open="low"),
}


def recipe_parameter(name: str) -> RecipeParameter:
    """The parameter of a name such as "recipe.clip"; a `UserError` for one that cannot be searched."""
    found = PARAMETERS.get(name.removeprefix(f"{RECIPE}."))
    if found is None:
        known = (f"{RECIPE}.{parameter}" for parameter in PARAMETERS)
        raise unknown("parameter of the recipe to search", name, known)
    return found


def checked_options(name: str, options: Sequence[str]) -> tuple[str, ...]:
    """`options` without repetition.

    Args:
        options: The words that a SPEC lists.
        name: Such as "recipe.schedule".

    Raises:
        UserError: the parameter called `name` is a number, one of the options is not among its words, or
            there is none.
    """
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
    """The option that a coordinate between 0 and the number of options means.

    Args:
        options: The words.
        value: The coordinate.
    """
    return options[min(int(value), len(options) - 1)]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained apart from its loss.

        >>> recipe = Recipe(epochs=20, optimizer="sgd", schedule="cosine", stop_after=0.5)
        >>> recipe.rate, recipe.trained_epochs
        (0.1, 10)

    Args:
        epochs: passes over the training samples, at least 1.
        batch_size: samples of one step, at least 1.
        optimizer: adam, adamw or sgd, as in `torch.optim`.
        learning_rate: the largest of the schedule; None for the optimiser's usual one.
        weight_decay: L2 for adam and sgd, decoupled for adamw.
        momentum: read by sgd alone; 0 for none.
        nesterov: read by sgd alone.
        clip: the largest norm of a model's whole gradient, as `torch.nn.utils.clip_grad_norm_` takes it; None
            for no limit.
        schedule: `constant` keeps the learning rate, `cosine` takes it to zero, `one_cycle` warms up and
            cools down (Smith and Topin 2018; the momentum stays), `step` multiplies it by `step_factor` every
            `step_epochs` epochs. All but `step` move with every batch.
        step_epochs: read by schedule step alone; None for a third of the epochs.
        step_factor: read by schedule step alone, in (0, 1).
        stop_after: the share of the epochs after which the model stays as it is, in (0, 1]. The schedule
            spans those epochs alone. Networks learn what is right before they learn wrong labels by heart
            (Arpit et al. 2017; Li, Soltanolkotabi and Oymak 2020), so stopping early rivals a robust loss.

    Raises:
        UserError: a value breaks its rule.
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float | None = None
    weight_decay: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    clip: float | None = None
    schedule: str = "constant"
    step_epochs: int | None = None
    step_factor: float = 0.1
    stop_after: float = 1.0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise unknown("optimizer in the recipe", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule in the recipe", self.schedule, SCHEDULES)
        for name in _COUNTS:
            value = getattr(self, name)
            if name == "step_epochs" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
                most = f" and at most {MOST:,}" if isinstance(value, int) and value > MOST else ""
                raise UserError(
                    f"recipe: {name} must be a whole number of at least 1{most}, but got {value!r}"
                )
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", DEFAULT_LEARNING_RATE[self.optimizer])
        self._check_numbers()
        self._check_nesterov()

    def _check_numbers(self) -> None:
        for name, parameter in PARAMETERS.items():
            value = getattr(self, name)
            if parameter.options or (parameter.optional and value is None):
                continue
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise UserError(f"recipe: {name} must be a number, but got {value!r}{number_hint(value)}")
            parameter.check(f"recipe: {name}", value)

    def _check_nesterov(self) -> None:
        if not isinstance(self.nesterov, bool):
            raise UserError(f"recipe: nesterov must be true or false, but got {self.nesterov!r}")
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise UserError(
                "recipe: nesterov must go with optimizer sgd and a momentum above 0, "
                f"but got {self.optimizer} with momentum {self.momentum:g}"
            )

    @property
    def rate(self) -> float:
        """The learning rate, resolved."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def trained_epochs(self) -> int:
        """How many of the epochs a model is trained for: `stop_after` of them, rounded, at least 1."""
        return max(1, round(self.stop_after * self.epochs))

    def stopped(self, epoch: int) -> bool:
        """Whether a model stays as it is in this epoch, counted from 0; without `stop_after` never."""
        return self.trained_epochs < self.epochs and epoch >= self.trained_epochs

    def with_rate(self, learning_rate: float) -> Recipe:
        """The same recipe with another learning rate, rounded to twelve digits."""
        return replace(self, learning_rate=float(f"{learning_rate:.12g}"))

    def beside(self, other: Recipe) -> str:
        """In words, what is otherwise than in another recipe, such as "5 epochs, schedule cosine".

        Learning rates, and what the optimiser or the schedule does not read, are left out.
        """
        said = [f"{self.trained_epochs} epochs"] * (self.trained_epochs != other.trained_epochs)
        read = ["weight_decay", *["momentum"] * (self.optimizer == "sgd"), "clip", "schedule"]
        for name in (*read, *["step_factor"] * (self.schedule == "step")):
            value = getattr(self, name)
            if value != getattr(other, name):
                shown = f"{value:.3g}" if isinstance(value, float) else str(value or "none")
                said.append(f"{name.replace('_', ' ')} {shown}")
        return ", ".join(said)

    @property
    def brief(self) -> str:
        """How models are trained, in a few words for people."""
        return f"{self.optimizer}, {self.epochs} epochs of batches of {self.batch_size}"

    @property
    def read(self) -> dict[str, Any]:
        """Its values by name, without those that its optimiser or its schedule does not read."""
        unread = set() if self.optimizer == "sgd" else {"momentum", "nesterov"}
        unread |= set() if self.schedule == "step" else {"step_epochs", "step_factor"}
        return {k: v for k, v in vars(self).items() if v is not None and k not in unread}

    def to_json(self) -> dict[str, Any]:
        """A plain document, which `from_mapping` reads back."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, document: Mapping[str, Any]) -> Recipe:
        """The recipe a mapping describes; a `UserError` for unknown keys and what breaks a rule."""
        if not isinstance(document, Mapping):
            raise UserError(f"the recipe must be a mapping such as {{epochs: 20}}, but got {document!r}")
        known = [f.name for f in fields(cls)]
        for key in document:
            if key not in known:
                raise unknown("key in the recipe", key, known)
        return cls(**{key: _plain(value) for key, value in document.items()})


def _plain(value: object) -> Any:
    """A number of another library, such as NumPy's, as Python's own; anything else as it is."""
    if isinstance(value, bool | int | float):
        return value
    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else value
