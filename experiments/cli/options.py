"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The name of a search; `lossmith list` shows them.", show_default=False
    ),
]
Workdir = Annotated[
    Path | None,
    typer.Option(
        envvar="LOSSMITH_HOME",
        help="The folder that searches and MLflow's data are kept in (default: ./lossmith-data).",
        show_default=False,
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="LOSSMITH_STORE",
        help="The database that searches are kept in, as a SQLAlchemy URL (default: SQLite in the workdir).",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Trials = Annotated[
    int | None, typer.Option(help="How many losses to try; overrides the SPEC.", show_default=False)
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="The column of a CSV or Parquet file to predict; several times for several labels.",
        show_default=False,
    ),
]
RunnerName = Annotated[
    str | None,
    typer.Option(
        metavar="RUNNER",
        help="Where losses are trained: local (this machine, the default) or ray (a Ray cluster).",
        show_default=False,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        help="How long the search may take in all, such as 90s, 10m or 1h30m; overrides the SPEC.",
        show_default=False,
    ),
]
