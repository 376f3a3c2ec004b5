"""The commands, in the order of their help."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from . import (
    audit,
    cancel,
    check,
    compare,
    export,
    launch,
    listing,
    losses,
    new,
    report,
    resume,
    search,
    show,
    supervise,
    ui,
)
from .glossary import epilog
from .log import start_log

app = typer.Typer(
    name="lossmith",
    epilog=epilog(),
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(asked: bool) -> None:  # noqa: FBT001  (typer calls it so)
    if asked:
        from ..version import version

        sys.stdout.write(f"lossmith {version()}\n")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
]


@app.callback()
def whole(*, version: Version = False) -> None:
    """Searches for the loss function a task should be trained with."""
    del version  # its callback has done the work
    start_log()


app.command("search")(search.search)
app.command("compare")(compare.compare)
app.command("new")(new.new)
app.command("launch")(launch.launch)
app.command("resume")(resume.resume)
app.command("list")(listing.list_searches)
app.command("show")(show.show)
app.command("cancel")(cancel.cancel)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("losses")(losses.losses)
app.command("check")(check.check)
app.command("audit")(audit.audit)
app.command("supervise")(supervise.supervise)
app.command("ui")(ui.ui)
