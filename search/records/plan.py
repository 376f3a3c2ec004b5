"""What a search is asked to do, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...losses.errors import UserError

Headroom = Literal["warn", "stop", "off"]

_COUNTS = (
    "trials",
    "seeds",
    "folds",
    "width",
    "rates",
    "contenders",
    "race_rounds",
    "race_seeds",
    "verdict_seeds",
)


@dataclass(frozen=True)
class Plan:
    """The budget of a search and of its phases.

    `trials` counts the losses explored, `time_limit_s` bounds the whole search in seconds of wall-clock
    over all resumes; at least one is given. `seeds` and `folds` repeat every trial. `rates` is the number
    of learning rates each standard loss is tuned over, `width` the candidates of a cohort. The race
    trains up to `contenders` searched losses over at most `race_rounds` rounds of `race_seeds` repeats each,
    up to four times as many where few are left; the verdict refits over `verdict_seeds`, and `margin`, in the
    metric's units, is by how much a loss may be worse and still be called no worse. `random_search` repeats
    the exploring and the race with random losses, for twice the price. `insight` asks what the winner owes
    its parts, once the verdict is told. Raises `UserError` for a plan without an end or with a count below 1
    or a margin below 0.
    """

    trials: int | None = 256
    time_limit_s: float | None = None
    seeds: int = 4
    folds: int = 4
    headroom: Headroom = "warn"
    width: int = 64
    rates: int = 5
    contenders: int = 24
    race_rounds: int = 12
    race_seeds: int = 4
    verdict_seeds: int = 16
    margin: float = 0.0
    random_search: bool = False
    insight: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials is None and self.time_limit_s is None:
            raise UserError("a plan must have an end: give trials or time_limit_s")
        if not self.margin >= 0:
            raise UserError(f"margin must be at least 0, in the metric's units, but got {self.margin!r}")
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} must be a whole number of at least 1, but got {value!r}")
