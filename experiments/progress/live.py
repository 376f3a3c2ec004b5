"""Progress as one line a phase with a bar, redrawn in place, for terminals."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from .pace import Pace


class _Forgiving:
    """A stream that takes what nobody reads any more, as after `| head`: the search goes on."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LiveProgress:
    """One line per phase with a bar, redrawn in place, for terminals.

    Args:
        console: Rich's, on a terminal.
        clock: Gives seconds that never run backwards.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
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
        console.file = cast("TextIO", _Forgiving(console.file))
        self._pace: Pace | None = None
        self._task: TaskID | None = None
        self._closed = False

    def phase(self, name: str, total: int) -> None:
        """Begin a new line; the lines of earlier phases stay."""
        self._finish(whole=True)
        self._bar.start()
        self._pace = Pace(name, total, self._clock())
        self._task = self._bar.add_task(
            "", total=total or None, name=f"{name:<8}", count="", best="", rate="", left=""
        )
        self._show()

    def advance(self, done: int, best: float | None) -> None:
        """Redraw the phase's line with its new figures."""
        if self._pace is None or self._task is None:
            return
        self._pace.update(done, best, self._clock())
        self._show()

    def note(self, message: str) -> None:
        """Print a message above the live lines."""
        self._bar.console.print(message, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the lines as they stand, and the cursor below them."""
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
