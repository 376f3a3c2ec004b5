"""What commands print on standard output: text for people, or one JSON document."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 140  # columns; a pipe has none of its own, and 80 would cut formulas


def console() -> Console:
    """Make Rich's console for standard output."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(file=sys.stdout, width=wide, highlight=False, markup=False, soft_wrap=False)


def print_json(document: Any) -> None:
    """Print a document as the one thing on standard output.

    Args:
        document: What JSON can hold; NaN becomes null.
    """
    from ..results.json_text import json_text

    sys.stdout.write(json_text(document))


def tell(message: str) -> None:
    """Print a line on standard error at once.

    Args:
        message: Without a line end.
    """
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Within it warnings of other packages go to the log; those of a user's own files are shown.

    What pandas or NumPy thinks of an overflow is nothing that a user of lossmith can act on.
    """
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        from ...losses.custom import is_users

        if is_users(filename):
            before(message, category, filename, lineno, file, line)
        else:
            logging.getLogger("lossmith.warnings").info("%s:%d: %s", filename, lineno, message)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Within it whatever is printed goes to standard error: standard output belongs to the result.

    The descriptor is turned too, for child processes, C code and loggers print past `sys.stdout`.
    """
    real, kept = sys.stdout, None
    with suppress(OSError):  # it is closed, and stays so
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        with suppress(OSError, ValueError):
            real.flush()
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
