"""The phases of a search in their order, and the addresses of the units that phases are kept in."""

from __future__ import annotations

from typing import Literal, get_args

Phase = Literal[
    "headroom",
    "explore",
    "race",
    "random explore",  # these two again with random losses, on the same budget: `method.random_baseline`
    "random race",
    "verdict",
    "confirm",
    "transfer",
    "insight",
]
PHASES: tuple[Phase, ...] = get_args(Phase)  # in their order: the one place that names them all
UnitAddress = tuple[Phase, int]  # where a unit is kept: its phase, and its index there

HEADROOM_GRID: UnitAddress = ("headroom", 0)  # every standard loss over a grid of learning rates
HEADROOM_FINER: UnitAddress = ("headroom", 1)  # the leading ones half-way between their rates
HEADROOM_ASSESSMENT: UnitAddress = ("headroom", 2)  # what they tell of the task
HEADROOM_WIDER = 3  # the index of the first round beyond the ends of what was tried
VERDICT: UnitAddress = ("verdict", 0)
VERDICT_QUESTION: UnitAddress = ("verdict", 1)  # what the test data are asked, kept before they are read
CONFIRMATION: UnitAddress = ("confirm", 0)
INSIGHT: UnitAddress = ("insight", 0)
