"""What a search has finished, so that it can go on from there.

A search is a sequence of units: a cohort of trials, a round of the race, the verdict. Everything that
decides what the next unit is follows from the seed and the units before it. So a search that was killed
is resumed by running the same code again: units found in the ledger are read, the others are trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol, TypeVar

from .phases import Phase, UnitAddress
from .trial import Trial
from .typed_json import plain, read


@dataclass(frozen=True)
class Unit:
    """One finished piece of a search, kept in one transaction.

    Attributes:
        phase: The phase the unit belongs to.
        index: Its place among the units of the phase, from 0.
        trials: The trials that were trained, if it trained any.
        payload: What else came of it, as JSON can hold it.
        seconds: Wall-clock time that the work took.
    """

    phase: Phase
    index: int
    trials: tuple[Trial, ...] = ()
    payload: dict[str, Any] | None = None
    seconds: float = 0.0


class Ledger(Protocol):
    """Where units are kept."""

    def find(self, phase: Phase, index: int) -> Unit | None:
        """Return the unit at an address, or None while it is not finished.

        Args:
            phase: The phase of the unit.
            index: Its place among the units of the phase, from 0.
        """

    def keep(self, unit: Unit) -> None:
        """Keep a finished unit, wholly or not at all."""


@dataclass
class MemoryLedger:
    """A ledger that lasts as long as the process.

    >>> ledger = MemoryLedger()
    >>> ledger.keep(Unit("race", 0, payload={"scores": {}}))
    >>> ledger.find("race", 0).payload
    {'scores': {}}
    """

    units: dict[tuple[Phase, int], Unit] = field(default_factory=dict)

    def find(self, phase: Phase, index: int) -> Unit | None:
        """Return the unit at an address, or None while it is not finished."""
        return self.units.get((phase, index))

    def keep(self, unit: Unit) -> None:
        """Keep a finished unit, which may happen once."""
        assert (unit.phase, unit.index) not in self.units, "a unit is trained once"
        self.units[unit.phase, unit.index] = unit


R = TypeVar("R")


def recall(ledger: Ledger, phase: Phase, index: int, work: Callable[[], Unit]) -> Unit:
    """Return a unit from the ledger, or make it and keep it with the seconds that took.

    Args:
        ledger: Where units are kept.
        phase: The phase of the unit.
        index: Its place among the units of the phase, from 0.
        work: Makes the unit; called where the ledger has none.
    """
    found = ledger.find(phase, index)
    if found is not None:
        return found
    started = monotonic()
    made = work()
    unit = Unit(phase, index, made.trials, made.payload, monotonic() - started)
    ledger.keep(unit)
    return unit


def recall_record(ledger: Ledger, address: UnitAddress, kind: type[R], work: Callable[[], R]) -> R:
    """Return the record that a unit keeps as its payload, or make it and keep it.

    Args:
        ledger: Where units are kept.
        address: Where the unit is kept.
        kind: The class of the record, which `typed_json` can read and write.
        work: Makes the record; called where the ledger has no such unit.

    Raises:
        Damaged: The payload is no such record.
    """
    unit = recall(ledger, *address, lambda: Unit(*address, payload=plain(work())))
    return read(kind, unit.payload or {}, address[0])
