"""Who runs a search, and whether they still do.

An owner is "host:pid:token". The token holds the process's pid namespace besides its random part: two
containers may share a host name, but a pid of one says nothing in the other.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta
from pathlib import Path


def new_owner() -> str:
    """Make a name for this process that no other process has had or will have."""
    return f"{socket.gethostname()}:{os.getpid()}:{_namespace()}-{secrets.token_hex(8)}"


def is_live(owner: str | None, heartbeat_at: datetime | None, now: datetime, stale_after_s: float) -> bool:
    """Whether an owner's heartbeat is fresh and, where that can be told from here, its process exists.

    Args:
        owner: A name of `new_owner`; None where nobody owns the search.
        heartbeat_at: When the owner was last heard of.
        now: The time by the same clock.
        stale_after_s: Seconds of silence after which an owner counts as dead.
    """
    if owner is None or heartbeat_at is None:
        return False
    return now - heartbeat_at < timedelta(seconds=stale_after_s) and not _is_gone(owner)


def describe(owner: str) -> str:
    """Say in words which process an owner is."""
    host, pid, _ = owner.rsplit(":", 2)
    return f"process {pid} on {host}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:  # not Linux: no containers that share a host name either
        return "0"


def _is_gone(owner: str) -> bool:
    host, pid, token = owner.rsplit(":", 2)
    here = host == socket.gethostname() and token.split("-")[0] == _namespace()
    if not here or os.name != "posix":  # elsewhere os.kill(pid, 0) ends the process instead of asking
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it exists and is somebody else's
        return False
    return False
