"""lossmith report: a search as one page to read and to send around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .commands import Given
from .options import Json, Name, StoreUrl, Workdir
from .output import console, print_json


def report(
    name: Name,
    *,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write it (default: NAME.html).", show_default=False),
    ] = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Write the report of a search: one HTML file that needs no network.

    The verdict comes first, then the loss, how to use it, and where it comes from.
    A search that is not finished gives a page of what is known so far.
    """
    from ..report import write_report
    from .open_store import opened

    path = to or Path(f"{name}.html")
    with opened(Given(workdir, store)) as found:
        written = write_report(found, name, path)
    if as_json:
        print_json({"file": str(written)})
    else:
        console().print(str(written), soft_wrap=True)
