"""lossmith cancel: stop a search, wherever it runs."""

from __future__ import annotations

from .commands import Given, command
from .options import Name, StoreUrl, Workdir
from .output import console


def cancel(name: Name, workdir: Workdir = None, store: StoreUrl = None) -> None:
    """Stop a search, wherever it runs.

    What it has finished is kept, and it can be resumed.
    """
    from ...losses import UserError
    from .open_store import opened

    given = Given(workdir, store)
    with opened(given) as found:
        record = found.get(name)
        if record.status not in ("running", "interrupted"):
            raise UserError(
                f"a search must be running or interrupted to be cancelled, but {name} is {record.status}; "
                f"see {command('show', name, given=given)}"
            )
        found.finish(record.id, "cancelled", reason="cancelled by lossmith cancel")
    out = console()
    if record.status == "running":
        out.print(f"{name} is cancelled; the process that runs it stops within seconds", soft_wrap=True)
    else:
        out.print(f"{name} is cancelled")
    out.print(f"go on with: {command('resume', name, given=given)}", soft_wrap=True)
