"""What a notebook shows: a search's progress, redrawn in its cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any

from .pace import Pace


def in_notebook() -> bool:
    """Whether this process is the kernel of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


class NotebookProgress:
    """A table in the cell's output, one row a phase. Needs IPython alone, no widgets.

    Args:
        clock: Gives seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._handle = clock, None
        self._rows: list[str] = []
        self._notes: list[str] = []
        self._pace: Pace | None = None

    def phase(self, name: str, total: int) -> None:
        """Begin a new row; the rows of earlier phases stay."""
        self._finish(whole=True)
        self._pace = Pace(name, total, self._clock())
        self._show()

    def advance(self, done: int, best: float | None) -> None:
        """Redraw the row with its new figures."""
        if self._pace is not None:
            self._pace.update(done, best, self._clock())
            self._show()

    def note(self, message: str) -> None:
        """Add a message below the table."""
        self._notes.append(f"<div>{escape(message)}</div>")
        self._show()

    def close(self) -> None:
        """Show the last figures."""
        self._finish(whole=False)

    def _finish(self, *, whole: bool) -> None:
        if self._pace is not None:
            if whole:
                self._pace.end()
            self._rows.append(_row(self._pace, self._clock(), ended=True))
            self._pace = None
            self._show()

    def _show(self) -> None:
        rows = [*self._rows, *([_row(self._pace, self._clock())] if self._pace else [])]
        html = f"<table>{''.join(rows)}</table>{''.join(self._notes)}"
        if self._handle is None:
            self._handle = _display(html)
        else:
            self._handle.update(_html(html))


def _row(pace: Pace, now_s: float, *, ended: bool = False) -> str:
    count, best, rate, left = pace.figures(now_s)
    share = pace.done / pace.total if pace.total else float(ended)
    bar = f'<progress max="1" value="{min(share, 1.0):.4f}"></progress>'
    last = f"took {pace.took(now_s)}" if ended else left
    cells = (escape(pace.name), bar, *(escape(text) for text in (count, best, rate, last)))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _html(text: str) -> Any:
    from IPython.display import HTML

    return HTML(text)


def _display(text: str) -> Any:
    """Shows the text and returns the handle that changes it."""
    from IPython.display import display

    return display(_html(text), display_id=True)
