"""The store a command was pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...losses import UserError
from ..running.workdir import places
from ..store import Store, shown, store_exists
from .commands import Given, command
from .output import quiet_stdout


@contextmanager
def opened(given: Given) -> Iterator[Store]:
    """Open the store a command was pointed at; a look never makes a database.

    Raises:
        UserError: There is no store.
    """
    url = places(given.workdir, given.store).store_url
    if not store_exists(url):
        raise UserError(
            f"a store must exist before it can be read, but there is none at {shown(url)}; name another "
            f"with --workdir or --store, or start a search with {command('search', 'SPEC', given=given)}"
        )
    with quiet_stdout(), Store.open(url) as store:  # a look may run the user's own losses
        yield store
