"""A store that waits for its database: a search outlives a restart of PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from ...search.records import Unit
from .store import AlreadySaved, Store

PATIENCE_S = 3600.0
_FIRST_S, _LONGEST_S = 0.5, 15.0


def patient(
    store: Store,
    note: Callable[[str], None] = lambda _: None,
    patience_s: float = PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Store:
    """Wrap a store so that every call is tried again while the database is away.

    The pause between two tries doubles from half a second to fifteen. What SQLite says of its file (a full
    disk, no permission) is no outage and is raised at once.

    Args:
        store: The store.
        note: Told once when the database goes and once when it is back.
        patience_s: Seconds of waiting, in all, after which the error is raised.
        sleep: Waits for so many seconds.
    """
    return cast("Store", _Patient(store, note, patience_s, sleep))


def is_outage(error: Exception) -> bool:
    """Whether a server is away, and not something wrong with what it was told."""
    if not isinstance(error, DBAPIError):
        return False
    if type(error.orig).__module__.startswith("sqlite3"):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


@dataclass(frozen=True, eq=False)
class _Patient:
    store: Store
    tell: Callable[[str], None]  # not `note`, which is a method of the store
    patience_s: float
    sleep: Callable[[float], None]

    def __getattr__(self, name: str) -> Any:
        """A method of the store, with patience."""
        method = getattr(self.store, name)
        return self._wrapped(method) if callable(method) else method

    def save_unit(self, search_id: int, unit: Unit, owner: str) -> None:
        """As the store's. A commit whose answer was lost is found, so it does not count as kept twice."""
        tries = 0

        def once() -> None:
            nonlocal tries
            tries += 1
            try:
                self.store.save_unit(search_id, unit, owner)
            except AlreadySaved:
                if tries == 1 or self.store.unit(search_id, unit.phase, unit.index) != unit:
                    raise

        self._wrapped(once)()

    def heartbeat(self, search_id: int, owner: str) -> bool:
        """As the store's, at once: who beats will beat again."""
        return self.store.heartbeat(search_id, owner)

    def _wrapped(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **more: Any) -> Any:
            waited_s, pause_s = 0.0, _FIRST_S
            while True:
                try:
                    result = method(*arguments, **more)
                except Exception as error:
                    if not is_outage(error) or waited_s >= self.patience_s:
                        raise
                    if not waited_s:
                        self.tell("the store's database does not answer; the search waits for it")
                    self.sleep(pause_s)
                    waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, _LONGEST_S)
                else:
                    if waited_s:
                        self.tell("the store's database is back")
                    return result

        return call
