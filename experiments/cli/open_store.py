"""The store a command was pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...losses import UserError
from ..running.workdir import places
from ..store import Store, shown
from .commands import Given, command


@contextmanager
def opened(given: Given) -> Iterator[Store]:
    """The store, open; a `UserError` where there is none, so that a look never makes a database."""
    url = places(given.workdir, given.store).store_url
    if not exists(url):
        raise UserError(
            f"a store must exist before it can be read, but there is none at {shown(url)}; name another "
            f"with --workdir or --store, or start a search with {command('search', 'SPEC', given=given)}"
        )
    with Store.open(url) as store:
        yield store


def exists(url: str) -> bool:
    """False for a SQLite database whose file is missing; of servers nobody knows before they are asked."""
    scheme, _, path = url.partition(":///")
    return not (scheme.startswith("sqlite") and path and not Path(path).expanduser().is_file())
