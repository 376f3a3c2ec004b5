"""lossmith resume: go on where a search was interrupted."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from .commands import Given
from .interrupted import resumable
from .options import Json, Name, RunnerName, StoreUrl, Workdir


def resume(
    name: Name,
    *,
    runner: RunnerName = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Go on with it on the Ray cluster at this URL, as lossmith launch does.", show_default=False
        ),
    ] = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Go on with a search that was interrupted, killed or cancelled.

    What is finished is not trained again, and the winner is the one that an uninterrupted search finds.
    """
    given = Given(workdir, store)
    if address is not None:
        from ..running import jobs
        from ..store import check_name
        from .launch import print_job

        check_name(name)
        client = jobs.client_for(address)
        print_job(client, jobs.submit_resume(client, name), name, address, given, follow=False)
        return
    with resumable(name, given):
        from ..running.run import resume_search
        from .outcome import run_to_its_end

        run_to_its_end(partial(resume_search, name, runner=runner), given, as_json=as_json)
