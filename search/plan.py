"""What a search is asked to do, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Headroom = Literal["warn", "stop", "off"]


@dataclass(frozen=True)
class Plan:
    """The budget of a search and of its phases.

    `trials` counts the losses explored, `time_limit_s` bounds the exploring in seconds of wall-clock
    over all resumes; at least one is given. `seeds` and `folds` repeat every trial. `rates` is the number
    of learning rates each standard loss is tuned over, `width` the candidates of a cohort. The race
    trains up to `contenders` searched losses over `race_rounds` rounds of `race_seeds` repeats each;
    the verdict refits over `verdict_seeds`.
    """

    trials: int | None = 256
    time_limit_s: float | None = None
    seeds: int = 4
    folds: int = 4
    headroom: Headroom = "warn"
    width: int = 64
    rates: int = 5
    contenders: int = 24
    race_rounds: int = 4
    race_seeds: int = 4
    verdict_seeds: int = 16
    seed: int = 0
