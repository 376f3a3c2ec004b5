"""Which files of loss code this user has run: a look at somebody else's search must not run theirs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_run_here = set[str]()  # in this process, whose user may have no home that can be written


def trust(places: Iterable[str]) -> None:
    """Remember that the user asked for files to be run, as they are now.

    Args:
        places: FILE:OBJECT of each.
    """
    new = {digest for place in places if (digest := _digest(place))} - _known()
    _run_here.update(new)
    if new:
        with suppress(OSError):
            _kept().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _kept().open("a", encoding="ascii") as file:
                file.writelines(f"{digest}\n" for digest in sorted(new))


def untrusted(places: Iterable[str]) -> list[str]:
    """List the files that are missing here, or that this user has never run as they are.

    Args:
        places: FILE:OBJECT of each.
    """
    known = _known()
    return [place for place in places if _digest(place) not in known]


def _digest(place: str) -> str | None:
    file = Path(place.rpartition(":")[0])
    try:
        return sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    except (OSError, ValueError):  # too long for a name, NUL
        return None


def _known() -> set[str]:
    try:
        return _run_here | set(_kept().read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _run_here


def state_folder() -> Path:
    """Find where lossmith keeps what concerns this user on this machine."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser(), "lossmith")


def _kept() -> Path:
    return state_folder() / "trusted"
