"""lossmith search: the main job."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from .commands import Given
from .interrupted import resumable
from .options import Json, RunnerName, StoreUrl, Targets, TimeLimit, Trials, Workdir


def search(  # noqa: PLR0913  (one for each option)
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC",
            help="A YAML file that names the task and the budget; or a CSV or Parquet file, with --target.",
            show_default=False,
        ),
    ],
    *,
    target: Targets = None,
    name: Annotated[
        str | None,
        typer.Option(help="What to call the search (default: made from the task).", show_default=False),
    ] = None,
    trials: Trials = None,
    time_limit: TimeLimit = None,
    runner: RunnerName = None,
    transfer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK",
            help="Another task to try the loss on once it is found; several times for several.",
            show_default=False,
        ),
    ] = None,
    with_files: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="FILE",
            help="Another file of code that is kept with the search, to resume it elsewhere.",
            show_default=False,
        ),
    ] = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Search the loss that a task should be trained with.

    A SPEC needs two lines, such as `task: digits-longtail` and `trials: 256`.
    A table needs none: `lossmith search data.csv --target label`.
    Ctrl-C loses nothing that is finished: `lossmith resume` goes on from there.
    """
    given = Given(workdir, store)
    with resumable(None, given):
        from ..spec import asked, load_spec

        changes = {"name": name, "trials": trials, "time_limit": time_limit, "transfer": transfer or None}
        wanted = load_spec(asked(spec, target), changes)
        from ..running.run import run_search
        from .outcome import run_to_its_end

        searching = partial(run_search, wanted, runner=runner, files=with_files or ())
        run_to_its_end(searching, given, as_json=as_json)
