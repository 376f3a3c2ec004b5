"""lossmith compare: which of some losses to train with, without a search."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from .commands import Given
from .interrupted import resumable
from .options import Json, RunnerName, StoreUrl, Targets, TimeLimit, Workdir


def compare(  # noqa: PLR0913  (one for each option)
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A built-in task, FILE.py:FUNCTION, a SPEC, or a CSV or Parquet file with --target.",
            show_default=False,
        ),
    ],
    losses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LOSS...",
            help="NAME, NAME:PARAMETER=VALUE,..., FILE.py:OBJECT or a loss.json. The others are "
            "compared with the first.",
            show_default=False,
        ),
    ] = None,
    *,
    target: Targets = None,
    catalogue: Annotated[
        bool, typer.Option("--all", help="Every standard loss of the kind joins those that are named.")
    ] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune each loss over its own parameters too, on a small grid.")
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(help="What to call the comparison (default: made from the task).", show_default=False),
    ] = None,
    time_limit: TimeLimit = None,
    runner: RunnerName = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Compare losses on a task, without a search: is focal better than cross entropy here?

    Each loss is tuned over the learning rate, trained on fresh repeats until more of them could not change
    the outcome, and compared once on sealed test data. `lossmith losses` lists the names.
    It is kept like a search: `lossmith show`, `report`, `export` and `resume` take its name.
    """
    given = Given(workdir, store)
    with resumable(None, given):
        from ..spec.comparing import compared_spec

        wanted = compared_spec(
            task,
            losses or [],
            target=target or (),
            tune=tune,
            catalogue=catalogue,
            changes={"name": name, "time_limit": time_limit},
        )
        from ..running.run import run_search
        from .outcome import run_to_its_end

        run_to_its_end(partial(run_search, wanted, runner=runner), given, as_json=as_json)
