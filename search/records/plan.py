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

    Attributes:
        trials: How many losses are explored, 0 where losses are named and none is searched; None where time
            alone bounds the search.
        time_limit_s: Seconds of wall-clock for the whole search, over all resumes; None for no limit. A plan
            has `trials`, this, or both.
        seeds: The seeds that every trial is repeated with.
        folds: The folds that it is repeated on, where the task has no validation part.
        headroom: Whether what standard losses tell of the task is a warning, may stop the search, or is not
            said.
        width: The candidates of a cohort.
        rates: The learning rates that each standard loss is tuned over.
        contenders: The searched losses that race, at most.
        race_rounds: The rounds of the race, at most.
        race_seeds: The repeats of a round; up to four times as many where few contenders are left.
        verdict_seeds: The refits of each loss for the verdict.
        margin: By how much a loss may be worse and still be called no worse, in the metric's units, at least
            0.
        random_search: Whether exploring and race are run again with random losses, for twice the price.
        insight: Whether the winner is taken apart once the verdict is told.
        seed: The seed of every random stream.
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
            least = 0 if name == "trials" else 1
            if value is not None and value < least:
                raise UserError(f"{name} must be a whole number of at least {least}, but got {value!r}")
