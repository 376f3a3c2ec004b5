"""What a picture of the report is: a figure with what it says in words, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..results.search_document import SearchDocument
from .table import Table

if TYPE_CHECKING:
    import plotly.graph_objects as go

Section = Literal["verdict", "loss", "behaviour", "search"]


@dataclass(frozen=True)
class Picture:
    """A picture that a search may have something for; each function of it is pure.

    Attributes:
        title: Its heading.
        section: The part of the page it stands in.
        place: Where among the pictures of its section; the smaller comes first.
        note: How to read it.
        alt: What somebody who cannot see it has to know.
        figure: The drawing, or None where the search has nothing to show.
        table: Its numbers.
    """

    title: str
    section: Section
    place: int
    note: Callable[[SearchDocument], str]
    alt: Callable[[SearchDocument], str]
    figure: Callable[[SearchDocument], go.Figure | None]
    table: Callable[[SearchDocument], Table]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture of one search.

    Attributes:
        name: The name of its file.
        title: Its heading.
        section: The part of the page it stands in.
        note: How to read it.
        alt: What somebody who cannot see it has to know.
        figure: The drawing.
        table: Its numbers; None where an earlier picture of the page has the same.
    """

    name: str
    title: str
    section: Section
    note: str
    alt: str
    figure: go.Figure
    table: Table | None
