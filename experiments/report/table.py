"""Tables of a page: for screen readers, for paper, and for who wants the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A head and rows of text; the first cell of a row names it. `numeric` columns are set to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: Sequence[int] = (0,)) -> Table:
    """A table whose columns are numbers, but for those in `words`."""
    made = tuple(tuple(row) for row in rows)
    return Table(tuple(head), made, frozenset(range(len(head))) - frozenset(words))


def chance(p: float) -> str:
    """A p-value for people."""
    return "below 0.0001" if p < 1e-4 else f"{p:.4f}"


def escaped(text: str) -> str:
    """A name as Plotly shows it: it reads tags in texts, and a name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
