"""What a search has finished, so that it can go on from there.

A search is a sequence of units: a cohort of trials, a round of the race, the verdict. Everything that
decides what the next unit is follows from the seed and the units before it. So a search that was killed
is resumed by running the same code again: units found in the ledger are read, the others are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol, Self, TypeVar

from .phases import Phase, UnitAddress
from .trial import Trial


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
        """Return the unit at an address, or None while it is not finished."""

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


class Document(Protocol):
    """A record that a unit keeps as its payload."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON can hold it."""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the record that a document of `to_json` describes."""


D = TypeVar("D", bound=Document)


def recall(ledger: Ledger, phase: Phase, index: int, work: Callable[[], Unit]) -> Unit:
    """Return the unit from the ledger, or from `work`, which is then kept with the seconds it took."""
    found = ledger.find(phase, index)
    if found is not None:
        return found
    started = monotonic()
    made = work()
    unit = Unit(phase, index, made.trials, made.payload, monotonic() - started)
    ledger.keep(unit)
    return unit


def recall_record(ledger: Ledger, address: UnitAddress, kind: type[D], work: Callable[[], D]) -> D:
    """Return the record that the unit at `address` keeps; made by `work`, and kept, where there is none."""
    unit = recall(ledger, *address, lambda: Unit(*address, payload=work().to_json()))
    return kind.from_json(unit.payload or {})
