"""What a user's training function is told about the trial it trains, and how it reports back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Literal, Never

import torch

from ....losses.errors import UserError, shown
from ....spaces.recipe import Recipe
from .metric_value import score_from

Part = Literal["validation", "test"]
Listener = Callable[[int, float], bool]

_OTHER_NAMES = {"lr": "learning_rate", "wd": "weight_decay", "epochs": "recipe.epochs"}
_OTHER_NAMES |= {"batch_size": "recipe.batch_size", "hparams": "recipe", "config": "recipe"}


class Pruned(BaseException):
    """Raised by `TrialHandle.report` where a trial is to end, and caught by lossmith.

    It is no `Exception`, so that an `except Exception` in a training script lets it pass.
    """


class TrialHandle:
    """The trial that a function `train(loss, trial) -> float` is called for.

    Everything in it may be used or left alone; what is left alone is noticed and said (a function that
    never reads `learning_rate` has none searched, one that never reads `part` has no test data). Built
    without arguments it lets the function run outside a search.

    Args:
        recipe: Learning rate, weight decay and the rest.
        seed: For further random streams, 0 to 2**31 - 1.
        fold: The number of the held-out fold, how many folds there are, and the partition.
        part: What the function is to score on.
        parameters: The parameters of the loss.
        listener: Called with each report; answers whether the training is to go on.

    Example:
        >>> trial = TrialHandle(Recipe(learning_rate=0.1))
        >>> trial.learning_rate
        0.1
        >>> trial.report(1, 0.75)
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        *,
        seed: int = 0,
        fold: tuple[int, int, int] = (0, 5, 0),
        part: Part = "validation",
        parameters: Mapping[str, float] | None = None,
        listener: Listener = lambda _epoch, _value: True,
    ) -> None:
        self._recipe, self._seed, self._fold, self._part = recipe or Recipe(), seed, fold, part
        self._parameters, self._listener = dict(parameters or {}), listener
        self.read: set[str] = set()
        self._before: tuple[Any, float] | None = None

    def report(self, epoch: int, value: float = ...) -> None:  # type: ignore[assignment]
        """Tell the metric on held-out data after an epoch; in a hopeless trial this call does not return.

        A value that is not finite ends the trial as diverged.

        Args:
            epoch: The epoch, as the function counts; a fraction is cut off.
            value: The metric: a number, a 0-d tensor or a NumPy scalar.

        Raises:
            Pruned: The trial ends here; nobody needs to catch it.
            UserError: `epoch` is no number, or `value` is missing or no number.
        """
        self.read.add("report")
        if value is ...:  # type: ignore[comparison-overlap]
            raise UserError(
                "trial.report must be told the epoch and the metric on held-out data, "
                f"trial.report(epoch, value), but got {_short(epoch)} alone"
            )
        number, score = _epoch(epoch), score_from(value, "trial.report must be told")
        if _swapped(self._before, (epoch, score)):
            raise UserError(
                "trial.report must be told the epoch first and then the metric, trial.report(epoch, value), "
                f"but got {_short(self._before)} and then {_short((epoch, score))}; swap them"
            )
        self._before = (epoch, score)
        if not self._listener(number, score):
            raise Pruned

    @property
    def seed(self) -> int:
        """The seed for further random streams, 0 to 2**31 - 1; torch, NumPy and random are seeded already."""
        self.read.add("seed")
        return self._seed

    @property
    def fold(self) -> int:
        """The number of the held-out fold; a function that reads it is repeated on folds."""
        self.read.add("fold")
        return self._fold[0]

    @property
    def folds(self) -> int:
        """The number of parts that the training data is to be dealt into."""
        return self._fold[1]

    @property
    def partition(self) -> int:
        """The seed of the dealing into folds; the race deals anew, on folds that no trial was chosen on."""
        return self._fold[2]

    @property
    def part(self) -> Part:
        """What to score on: "validation", or "test" for the verdict alone."""
        self.read.add("part")
        return self._part

    @property
    def learning_rate(self) -> float:
        """The learning rate to train with; it is searched beside the loss."""
        self.read.add("learning_rate")
        return self._recipe.rate

    @property
    def weight_decay(self) -> float:
        """The weight decay to train with."""
        self.read.add("weight_decay")
        return self._recipe.weight_decay

    @property
    def recipe(self) -> Recipe:
        """Learning rate, weight decay, epochs and the rest, as given or as the search found them."""
        self.read |= {"learning_rate", "recipe"}
        return self._recipe

    @property
    def parameters(self) -> Mapping[str, float]:
        """The parameters of the loss, for the function's own logs."""
        return self._parameters

    @property
    def device(self) -> torch.device:
        """The accelerator of this machine, or the CPU."""
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else found

    def __getattr__(self, name: str) -> Never:
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        near = [_OTHER_NAMES[name]] if name in _OTHER_NAMES else get_close_matches(name, known, n=1)
        meant = f"did you mean trial.{near[0]}? It" if near else "it"
        raise AttributeError(
            f"a trial must be asked for what it has, but got {name!r}: {meant} has {', '.join(known)}"
        )


def _swapped(before: tuple[Any, float] | None, now: tuple[Any, float]) -> bool:
    """Whether two reports in a row tell fractions as epochs, and count up by one in their values."""
    if before is None or now[1] != before[1] + 1 or now[1] % 1 != 0:
        return False
    return all(float(epoch) % 1 > 0 for epoch in (before[0], now[0]))


def _short(value: object) -> str:
    return shown(value)


def _epoch(value: Any) -> int:
    try:
        return int(str if isinstance(value, str | bytes | bool) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise UserError(
            "trial.report must be told the epoch as a number, and then the metric, but got "
            f"{_short(value)} as the epoch; write trial.report(epoch, value)"
        ) from None
