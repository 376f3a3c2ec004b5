"""How a search tells its user where it is: a live line on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from ..spec.durations import format_duration

INTERVAL_S = 5.0  # between two plain lines of one phase
READ_BACK_S = 0.2  # what a phase reports within this time was read from the store on resume, not trained


class Progress(Protocol):
    """What a running search calls. Every method returns at once; none of them raises."""

    def phase(self, name: str, total: int) -> None:
        """A phase begins; it will train `total` trials or contenders, or as many as time allows (0)."""

    def advance(self, done: int, best: float | None) -> None:
        """`done` of the phase's total are trained; `best` is the best score so far, if there is one."""

    def note(self, message: str) -> None:
        """One line that the user should read."""

    def close(self) -> None:
        """The search has ended, well or not. Closing twice is fine."""


def progress_on(stream: TextIO | None = None) -> Progress:
    """The display that suits `stream` (default: standard error)."""
    stream = stream or sys.stderr
    console = Console(file=stream, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveProgress(console)
    return PlainProgress(stream)


def python_progress() -> Progress:
    """The display for a search begun in Python: a notebook's, a terminal's, or none."""
    from .notebook import NotebookProgress, in_notebook

    if in_notebook():
        return NotebookProgress()
    found = progress_on()
    return found if isinstance(found, LiveProgress) else SilentProgress()


@dataclass
class Pace:
    """How fast a phase goes, in the units of its total."""

    name: str
    total: int
    started_s: float
    done: int = 0
    best: float | None = None
    _from: tuple[float, int] = field(init=False)  # when the training began, and what was done by then

    def __post_init__(self) -> None:
        self._from = (self.started_s, 0)

    @property
    def unit(self) -> str:
        """What the total counts, where that has a name; the race counts trainings and the verdict losses."""
        return " trials" if self.name in ("headroom", "explore") else ""

    def update(self, done: int, best: float | None, now_s: float) -> None:
        """`done` of the total are there at `now_s`."""
        self.done, self.best = done, best
        if now_s - self.started_s < READ_BACK_S:
            self._from = (now_s, done)

    def end(self) -> None:
        """The phase is over: its total was a bound, as in the race, which drops contenders on its way."""
        self.total = self.done

    def figures(self, now_s: float) -> tuple[str, str, str, str]:
        """Count, best score, rate and time left; empty where nothing is known yet."""
        since_s, read_back = self._from
        trained, left = self.done - read_back, max(self.total - self.done, 0)
        rate = trained / (now_s - since_s) if trained > 0 and now_s > since_s else 0.0
        return (
            f"{self.done}/{self.total}{self.unit}" if self.total else f"{self.done}{self.unit}",
            "" if self.best is None else f"best {self.best:.4g}",
            f"{rate:,.0f}{self.unit}/s" if rate >= 10 else f"{rate:.2g}{self.unit}/s" if rate else "",
            f"{format_duration(left / rate)} left" if rate and left else "",
        )

    def took(self, now_s: float) -> str:
        """The span since the phase began."""
        return format_duration(now_s - self.started_s)


class SilentProgress:
    """Says nothing."""

    def phase(self, name: str, total: int) -> None:
        """Nothing."""

    def advance(self, done: int, best: float | None) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class PlainProgress:
    """Lines for logs and pipes: one when a phase begins and ends, at most one per `interval_s` between."""

    stream: TextIO
    interval_s: float = INTERVAL_S
    clock: Callable[[], float] = time.monotonic
    _pace: Pace | None = field(default=None, init=False)
    _written_s: float = field(default=0.0, init=False)

    def phase(self, name: str, total: int) -> None:
        """Ends the phase before, and names the new one."""
        self._finish(whole=True)
        self._pace = Pace(name, total, self.clock())
        self._write(
            f"{name}: {total}{self._pace.unit} to train" if total else f"{name}: as many as time allows"
        )

    def advance(self, done: int, best: float | None) -> None:
        """A line, unless the last one is younger than the interval."""
        if self._pace is None:
            return
        now = self.clock()
        self._pace.update(done, best, now)
        if now - self._written_s >= self.interval_s and done != self._pace.total:
            self._write(f"{self._pace.name}: {', '.join(filter(None, self._pace.figures(now)))}")

    def note(self, message: str) -> None:
        """The message on a line of its own."""
        self._write(message)

    def close(self) -> None:
        """A last line for the phase that was going on."""
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
        self.stream.write(f"{line}\n")
        self.stream.flush()
        self._written_s = self.clock()


class LiveProgress:
    """One line per phase with a bar, redrawn in place, for terminals."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that never run backwards."""
        self._clock = clock
        # A cohort reports when it is trained; in between, the spinner and the time show that it goes on.
        self._bar = Bar(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[name]}", style="bold", markup=False),
            BarColumn(bar_width=24 if console.width >= 100 else 8),
            *(
                TextColumn(f"{{task.fields[{key}]}}", markup=False)
                for key in ("count", "best", "rate", "left")
            ),
            TimeElapsedColumn(),
            console=console,
        )
        self._pace: Pace | None = None
        self._task: TaskID | None = None
        self._closed = False

    def phase(self, name: str, total: int) -> None:
        """A new line; the lines of earlier phases stay."""
        self._finish(whole=True)
        self._bar.start()
        self._pace = Pace(name, total, self._clock())
        self._task = self._bar.add_task(
            "", total=total or None, name=f"{name:<8}", count="", best="", rate="", left=""
        )
        self._show()

    def advance(self, done: int, best: float | None) -> None:
        """The phase's line with its new figures."""
        if self._pace is None or self._task is None:
            return
        self._pace.update(done, best, self._clock())
        self._show()

    def note(self, message: str) -> None:
        """The message above the live lines."""
        self._bar.console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """The lines as they stand, and the cursor below them."""
        if not self._closed:
            self._closed = True
            self._finish(whole=False)
            self._bar.stop()

    def _finish(self, *, whole: bool) -> None:
        if self._pace is not None and self._task is not None:
            if whole:
                self._pace.end()
                self._show()
            self._bar.stop_task(self._task)
            self._bar.update(self._task, left="")
            self._pace = self._task = None

    def _show(self) -> None:
        assert self._pace is not None
        assert self._task is not None
        count, best, rate, left = self._pace.figures(self._clock())
        self._bar.update(
            self._task,
            total=self._pace.total or None,
            completed=self._pace.done,
            count=count,
            best=best,
            rate=rate,
            left=left,
        )
