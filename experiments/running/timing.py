"""Where the wall-clock of a search goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ...search.records import Ledger, Phase, Unit

_LOG = logging.getLogger("lossmith.driver")


@dataclass
class Timing:
    """Where the wall-clock of a search went, in seconds.

    Attributes:
        seconds: By phase.
        kept: What the search waited for: store and MLflow.
        beside: What MLflow's thread worked while the search went on; None until that is known.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    kept: float = 0.0
    beside: float | None = None

    def taken(self) -> dict[str, float]:
        """Return the seconds of the phases, which are no longer in here then."""
        seconds, self.seconds = self.seconds, {}
        return seconds

    @contextmanager
    def bookkeeping(self) -> Iterator[None]:
        """Book what happens inside as time that the search waited."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.kept += time.monotonic() - started


@dataclass(frozen=True)
class TimedLedger(Ledger):
    """A ledger that books what it costs, and what each phase took.

    Attributes:
        inner: Where units are kept.
        timing: Where seconds are booked.
    """

    inner: Ledger
    timing: Timing

    def find(self, phase: Phase, index: int) -> Unit | None:
        """What the ledger inside finds."""
        with self.timing.bookkeeping():
            return self.inner.find(phase, index)

    def keep(self, unit: Unit) -> None:
        """Keep the unit, and add its seconds to those of its phase."""
        with self.timing.bookkeeping():
            self.inner.keep(unit)
        _LOG.info("%s %d: %d trials in %.1f s", unit.phase, unit.index, len(unit.trials), unit.seconds)
        self.timing.seconds[unit.phase] = self.timing.seconds.get(unit.phase, 0.0) + unit.seconds
