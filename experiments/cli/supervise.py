"""lossmith supervise: resume what died."""

from __future__ import annotations

from typing import Annotated

import typer

from .commands import Given
from .launch import Address
from .options import StoreUrl, Workdir
from .output import tell


def supervise(
    *,
    address: Address,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 15,
    once: Annotated[bool, typer.Option("--once", help="Look twice, resume what is dead, and end.")] = False,
    workdir: Workdir = None,
    store: StoreUrl = None,
) -> None:
    """Watch a store and resume the cluster's searches whose job died.

    A search counts as dead when two looks in a row found nobody running it. Searches that were cancelled,
    stopped with Ctrl-C or run on one machine are left alone.
    """
    from ..running.supervisor import supervise as watch
    from .open_store import opened

    with opened(Given(workdir, store)) as found:
        watch(found, address, every, tell, once=once)
