"""What commands print on standard output: text for people, or one JSON document."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 140  # columns; a pipe has none of its own, and 80 would cut formulas


def console() -> Console:
    """Standard output, for Rich."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(file=sys.stdout, width=wide, highlight=False, markup=False, soft_wrap=False)


def print_json(document: Any) -> None:
    """`document` as the one thing on standard output."""
    from ..results.json_text import json_text

    sys.stdout.write(json_text(document))


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """What other packages print in here goes to standard error: standard output belongs to the result."""
    with redirect_stdout(sys.stderr):
        yield
