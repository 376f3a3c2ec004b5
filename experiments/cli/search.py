"""lossmith search: the main job."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .commands import Given
from .interrupted import resumable
from .options import Json, StoreUrl, Workdir
from .output import quiet_stdout


class Runner(StrEnum):
    """Where cohorts are trained."""

    local = "local"
    ray = "ray"


RunnerOption = Annotated[
    Runner | None, typer.Option(help="Where cohorts are trained (default: local).", show_default=False)
]


def search(  # noqa: PLR0913  (one for each option)
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC", help="A YAML file that names the task and the budget.", show_default=False
        ),
    ],
    *,
    name: Annotated[
        str | None,
        typer.Option(help="What to call the search (default: made from the task).", show_default=False),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="How many losses to try; overrides the SPEC.", show_default=False)
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            help="How long to explore, such as 90s, 10m or 1h30m; overrides the SPEC.", show_default=False
        ),
    ] = None,
    runner: RunnerOption = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Search the loss that a task should be trained with.

    A SPEC needs two lines, such as `task: digits-longtail` and `trials: 256`.
    Ctrl-C loses nothing that is finished: `lossmith resume` goes on from there.
    """
    given = Given(workdir, store)
    with resumable(name, given):
        from ..progress import progress_on
        from ..spec import load_spec

        wanted = load_spec(spec, {"name": name, "trials": trials, "time_limit": time_limit})
        from ..run import run_search
        from .report import print_report

        progress = progress_on()
        try:
            with quiet_stdout():
                experiment = run_search(
                    wanted,
                    name=wanted.name,
                    workdir=workdir,
                    store=store,
                    runner=(runner or Runner.local).value,
                    progress=progress,
                )
        finally:
            progress.close()
        print_report(experiment, given, as_json=as_json)
