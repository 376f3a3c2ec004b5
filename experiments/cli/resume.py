"""lossmith resume: go on where a search was interrupted."""

from __future__ import annotations

from .commands import Given
from .interrupted import resumable
from .options import Json, Name, StoreUrl, Workdir
from .output import quiet_stdout
from .search import RunnerOption


def resume(
    name: Name,
    *,
    runner: RunnerOption = None,
    workdir: Workdir = None,
    store: StoreUrl = None,
    as_json: Json = False,
) -> None:
    """Go on with a search that was interrupted, killed or cancelled.

    What is finished is not trained again, and the winner is the one that an uninterrupted search finds.
    """
    given = Given(workdir, store)
    with resumable(name, given):
        from ..progress import progress_on
        from ..run import resume_search
        from .report import print_report

        progress = progress_on()
        try:
            with quiet_stdout():
                experiment = resume_search(
                    name,
                    workdir=workdir,
                    store=store,
                    runner=runner.value if runner else None,
                    progress=progress,
                )
        finally:
            progress.close()
        print_report(experiment, given, as_json=as_json)
