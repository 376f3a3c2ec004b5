"""Tables of a page: for screen readers, for paper, and for who wants the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A head and rows of text; the first cell of a row names it.

    Attributes:
        head: The titles of the columns.
        rows: The cells.
        numeric: The places of the columns that are set to the right.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[int] = (0,)) -> Table:
    """Make a table whose columns are numbers, but for some.

    Args:
        head: The titles of the columns.
        rows: The cells.
        words: The places of the columns that are no numbers.
    """
    made = tuple(tuple(row) for row in rows)
    return Table(tuple(head), made, frozenset(range(len(head))) - frozenset(words))


def escaped(text: str) -> str:
    """A name as Plotly shows it: it reads tags in texts, and a name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
