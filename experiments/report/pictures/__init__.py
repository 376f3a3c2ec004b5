"""The pictures of a report, one file each: a module of this folder with a `PICTURE` is on the page."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ...results.search_document import SearchDocument
from ..picture import Drawn, Picture
from ..table import Table

__all__ = ["drawn", "picture_named", "pictures"]


def pictures() -> dict[str, Picture]:
    """Every picture there is, by the name of its module, in the order of the page."""
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    known = {name: picture_named(name) for name in names}
    return dict(sorted(known.items(), key=lambda item: item[1].place))


def picture_named(name: str) -> Picture:
    """The picture of a module of this folder."""
    picture: Picture = import_module(f"{__name__}.{name}").PICTURE
    return picture


def drawn(document: SearchDocument) -> list[Drawn]:
    """Every picture that this search has something for."""
    found: list[Drawn] = []
    tables: list[Table] = []
    for name, picture in pictures().items():
        figure = picture.figure(document)
        if figure is None:
            continue
        table = picture.table(document)
        shown = None if table in tables or not table.rows else table
        tables.append(table)
        note, alt = picture.note(document), picture.alt(document)
        found.append(Drawn(name, picture.title, picture.section, note, alt, figure, shown))
    return found
