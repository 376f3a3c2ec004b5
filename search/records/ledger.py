"""What a search has finished, so that it can go on from there.

A search is a sequence of units: a cohort of trials, a round of the race, the verdict. Everything that
decides what the next unit is follows from the seed and the units before it. So a search that was killed
is resumed by running the same code again: units found in the ledger are read, the others are trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from .trial import Phase, Trial


@dataclass(frozen=True)
class Unit:
    """One finished piece of a search, kept in one transaction: its trials, or what else came of it."""

    phase: Phase
    index: int
    trials: tuple[Trial, ...] = ()
    payload: dict[str, Any] | None = None
    seconds: float = 0.0


class Ledger(Protocol):
    """Where units are kept."""

    def find(self, phase: Phase, index: int) -> Unit | None:
        """The unit, if it was finished."""

    def keep(self, unit: Unit) -> None:
        """Keep a finished unit, wholly or not at all."""


@dataclass
class MemoryLedger:
    """A ledger that lasts as long as the process."""

    units: dict[tuple[Phase, int], Unit] = field(default_factory=dict)

    def find(self, phase: Phase, index: int) -> Unit | None:
        """The unit, if it was finished."""
        return self.units.get((phase, index))

    def keep(self, unit: Unit) -> None:
        """Keep a finished unit, which may happen once."""
        assert (unit.phase, unit.index) not in self.units, "a unit is trained once"
        self.units[unit.phase, unit.index] = unit


def recall(ledger: Ledger, phase: Phase, index: int, work: Callable[[], Unit]) -> Unit:
    """The unit from the ledger, or from `work`, which is then kept with the seconds it took."""
    found = ledger.find(phase, index)
    if found is not None:
        return found
    started = monotonic()
    made = work()
    unit = Unit(phase, index, made.trials, made.payload, monotonic() - started)
    ledger.keep(unit)
    return unit
