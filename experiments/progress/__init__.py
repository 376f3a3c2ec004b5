"""How a search tells its user where it is: a live line, plain lines, a notebook's table, or nothing.

`progress_on` and `python_progress` choose the display; each is a module that imports nothing of the others.
"""

from __future__ import annotations

import sys
from typing import TextIO

from ...search.records import Progress, SilentProgress

__all__ = ["Progress", "SilentProgress", "progress_on", "python_progress"]


def progress_on(stream: TextIO | None = None) -> Progress:
    """Choose the display that suits a stream: redrawn lines on a terminal, plain lines elsewhere.

    Args:
        stream: Where the display writes; None is standard error.
    """
    from rich.console import Console

    stream = stream or sys.stderr
    console = Console(file=stream, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        from .live import LiveProgress

        return LiveProgress(console)
    from .plain import PlainProgress

    return PlainProgress(stream)


def python_progress() -> Progress:
    """Choose the display of a search begun in Python: a notebook's, a terminal's, or none."""
    from .live import LiveProgress
    from .notebook import NotebookProgress, in_notebook

    if in_notebook():
        return NotebookProgress()
    found = progress_on()
    return found if isinstance(found, LiveProgress) else SilentProgress()
