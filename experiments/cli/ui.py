"""lossmith ui: browse the trials in MLflow."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from .commands import Given, command
from .options import StoreUrl, Workdir
from .output import console, tell

if TYPE_CHECKING:
    from ..store import SearchRecord, Store

HOST = "127.0.0.1"  # MLflow asks for no password, so it answers this machine alone
# Telemetry would tell others of the user's work, and jobs would start processes that nobody here needs.
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 5000,
    workdir: Workdir = None,
    store: StoreUrl = None,
) -> None:
    """Show every trial in MLflow's pages, on this machine only.

    Ctrl-C stops the pages, not the searches.
    With MLFLOW_TRACKING_URI set to a server, its address is printed and nothing is started.
    """
    from ...losses.errors import UserError, require
    from ..running.workdir import places
    from ..store import shown, store_exists
    from ..tracking.address import check_address, refused, shown_address

    given = Given(workdir, store)
    found = places(workdir, store)
    silent = check_address(found.tracking_uri)
    if found.tracking_uri.startswith(("http://", "https://")):
        if silent:
            tell(silent)
        address = shown_address(found.tracking_uri)
        console().print(f"MLflow runs at {address}", soft_wrap=True)
        _print_trials(address, found.store_url)
        return
    if silent:  # MLflow would begin, and end with a traceback
        raise refused(found.tracking_uri, "no database answers there")
    try:
        there = store_exists(found.tracking_uri)
    except UserError:  # it would speak of the store; of the workdir it is right
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            raise
        raise refused(found.tracking_uri, "lossmith ui shows a database or a server alone") from None
    if not there:
        place, search = shown(found.tracking_uri), command("search", "SPEC", given=given)
        raise UserError(
            f"MLflow's data must exist before it can be shown, but there is none at {place}; name another "
            f"with --workdir, or start a search with {search}"
        )
    require("mlflow", "lossmith ui")
    if _taken(port):
        raise UserError(f"a port must be free, but {port} on {HOST} is taken; choose another with --port")
    console().print(f"MLflow at http://{HOST}:{port} (Ctrl-C stops it)", soft_wrap=True)
    _print_trials(f"http://{HOST}:{port}", found.store_url)
    sys.stdout.flush()
    arguments = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", HOST, "--port", str(port), "--workers", "1"),
        *("--artifacts-destination", str(found.artifacts)),
    ]
    # The address of the data may hold a password: in the environment it is not shown by `ps`.
    environment = {**os.environ, **_QUIET, "MLFLOW_BACKEND_STORE_URI": found.tracking_uri}
    os.execve(arguments[0], arguments, environment)  # noqa: S606  (our own interpreter, no shell)


def _print_trials(base: str, store_url: str) -> None:
    """The address of the trials of the latest search that MLflow has."""
    from ..store import Store, store_exists
    from ..tracking.trials_view import trials_address

    if not store_exists(store_url):
        return
    with Store.open(store_url) as kept:
        tracked = [record for record in _records(kept) if trials_address(base, record)]
    if tracked:
        latest = max(tracked, key=lambda record: record.created_at)
        out = console()
        out.print(f"The trials of {latest.name}, the latest search, the best first:", soft_wrap=True)
        out.print(f"  {trials_address(base, latest)}", soft_wrap=True)


def _records(kept: Store) -> Iterator[SearchRecord]:
    """The searches that can be read."""
    from ...losses.errors import UserError

    for name in kept.names():
        with suppress(UserError):
            yield kept.get(name)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
