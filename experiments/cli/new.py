"""lossmith new: the files of a task to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import console


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call the task, such as churn.", show_default=False)
    ],
    *,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A CSV or Parquet file that is the task: no Python.", show_default=False
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="The column of the table to predict; several times for several.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a SPEC and a task file that run as they are, for you to edit.

    Nothing is overwritten. With --table and --target a SPEC is all there is.
    """
    from ...search.tasks.loaders.defaults import metric_for
    from ...search.tasks.loaders.table import check_columns, column_names, read_table
    from ...search.tasks.loaders.targets import read_targets
    from ..spec import asked
    from ..spec.scaffold import TableStart, start

    given = None
    if table is not None or target:
        if table is None:
            asked(name, target)  # says what --target goes with
        else:
            asked(table, target)
            file, names = Path(table), target or []
            check_columns(file, names, column_names(file))
            kind = read_targets(read_table(file, names).frame, names, file.name).kind
            given = TableStart(table, tuple(names), kind, metric_for(kind))
    written = start(name, Path.cwd(), given)
    out = console()
    out.print(f"wrote {' and '.join(path.name for path in written)}; edit, then run")
    out.print(f"lossmith search {name}.yaml", style="bold", soft_wrap=True)
