"""Progress as plain lines, for logs and pipes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from .pace import Pace

INTERVAL_S = 5.0  # between two plain lines of one phase


@dataclass
class PlainProgress:
    """Lines for logs and pipes: one when a phase begins and ends, a few between.

    Args:
        stream: Where they are written.
        interval_s: The least seconds between two lines of one phase.
        clock: Gives seconds that never run backwards.
    """

    stream: TextIO
    interval_s: float = INTERVAL_S
    clock: Callable[[], float] = time.monotonic
    _pace: Pace | None = field(default=None, init=False)
    _written_s: float = field(default=0.0, init=False)

    def phase(self, name: str, total: int) -> None:
        """End the phase before, and name the new one."""
        self._finish(whole=True)
        self._pace = pace = Pace(name, total, self.clock())
        count = f"{pace.bound}{pace.counted(total)}" if total else "as many trials as time allows"
        self._write(f"{name}: {count} to train")

    def advance(self, done: int, best: float | None) -> None:
        """Write a line, unless the last one is younger than the interval."""
        if self._pace is None:
            return
        now = self.clock()
        self._pace.update(done, best, now)
        if now - self._written_s >= self.interval_s and done != self._pace.total:
            self._write(f"{self._pace.name}: {', '.join(filter(None, self._pace.figures(now)))}")

    def note(self, message: str) -> None:
        """Write a message on a line of its own."""
        self._write(message)

    def close(self) -> None:
        """Write a last line for the phase that was going on."""
        self._finish(whole=False)

    def _finish(self, *, whole: bool) -> None:
        if self._pace is not None:
            pace, now = self._pace, self.clock()
            if whole:
                pace.end()
            count, best, rate, _ = pace.figures(now)
            self._pace = None
            self._write(f"{pace.name}: {', '.join(filter(None, [count, best, rate]))}, took {pace.took(now)}")

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more, or it is closed: the search goes on
            self.stream.write(f"{line}\n")
            self.stream.flush()
        self._written_s = self.clock()
