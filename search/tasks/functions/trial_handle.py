"""What a person's own training function is told about the trial it trains, and how it reports back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch

from ....spaces.recipe import Recipe
from .metric_value import number

Part = Literal["validation", "test"]
Listener = Callable[[int, float], bool]


class Pruned(BaseException):
    """Raised by `TrialHandle.report` when a trial is to end here, and caught by lossmith.

    It is no `Exception`, so that an `except Exception` in a training script lets it pass.
    """


class TrialHandle:
    """The trial a function `train(loss, trial) -> float` is called for.

    Everything in it may be used or left alone; what is left alone is noticed and said (a function that
    never reads `learning_rate` has none searched, one that never reads `part` has no test data). Built
    without arguments it lets the function run outside a search.
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
        """`fold` is (number, how many there are, partition); `listener` answers whether to go on."""
        self._recipe, self._seed, self._fold, self._part = recipe or Recipe(), seed, fold, part
        self._parameters, self._listener = dict(parameters or {}), listener
        self.read: set[str] = set()

    def report(self, epoch: int, value: float) -> None:
        """Tell the metric on held-out data after an epoch; where it is hopeless this call does not return.

        It then raises `Pruned`, which nobody needs to catch. A value that is not finite ends the trial as
        diverged. Raises `UserError` for a value that is no number.
        """
        self.read.add("report")
        if not self._listener(int(epoch), number(value, "trial.report must be told")):
            raise Pruned

    @property
    def seed(self) -> int:
        """For further random streams, 0 to 2**31 - 1; torch, NumPy and random are seeded already."""
        self.read.add("seed")
        return self._seed

    @property
    def fold(self) -> int:
        """Which of the `folds` parts is held out; a function that reads it is repeated on folds."""
        self.read.add("fold")
        return self._fold[0]

    @property
    def folds(self) -> int:
        """In how many parts the training data is to be dealt."""
        return self._fold[1]

    @property
    def partition(self) -> int:
        """Seeds the dealing into folds; the race deals anew, on folds that no trial was chosen on."""
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
        return self._recipe.weight_decay

    @property
    def recipe(self) -> Recipe:
        """Learning rate, weight decay, epochs and the rest, as given or as the search found them."""
        self.read.add("learning_rate")
        return self._recipe

    @property
    def parameters(self) -> Mapping[str, float]:
        """The parameters of the loss, for one's own logs."""
        return self._parameters

    @property
    def device(self) -> torch.device:
        """The accelerator that is there, or the CPU."""
        found = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if found is None else found
