"""The work items whose results the driver waits for."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

from ..program import Stopped, WorkerError
from .remote_program import TooLargeError, WorkResult


@dataclass(frozen=True, eq=False)
class PendingItem:
    """A work item whose result is waited for.

    Args:
        number: Identifies the item in the queue.
        reference: Where the item lies in Ray's object store.
        kills: How many workers the item may still kill.
        future: The result, once it is there.
    """

    number: int
    reference: Any
    kills: int
    future: Future[WorkResult]


class PendingWork:
    """Every work item whose result is waited for; several threads may use it."""

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count()
        self._items: dict[int, PendingItem] = {}
        self._trouble: str | None = None

    def __len__(self) -> int:
        return len(self._items)

    def add(self, reference: Any, kills: int) -> PendingItem:
        """Register one more item.

        Args:
            reference: Where the item lies in Ray's object store.
            kills: How many workers the item may kill.

        Raises:
            WorkerError: `fail` was told that no worker works any more.
        """
        with self._lock:
            if self._trouble:
                raise WorkerError(self._trouble)
            item = PendingItem(next(self._numbers), reference, kills, Future())
            self._items[item.number] = item
        return item

    def pop(self, number: int) -> Future[WorkResult] | None:
        """Remove the item of a number and return its future; None when its result is not waited for."""
        with self._lock:
            item = self._items.pop(number, None)
        return None if item is None else item.future

    def after_a_kill(self) -> list[PendingItem]:
        """Count one kill against every item: those with kills left are returned, the others have failed."""
        with self._lock:
            lost = [item for item in self._items.values() if item.kills <= 1]
            left = [replace(i, kills=i.kills - 1) for i in self._items.values() if i.kills > 1]
            self._items = {item.number: item for item in left}
        for item in lost:
            item.future.set_exception(TooLargeError("a program was lost when its node ran out of memory"))
        return left

    def fail(self, error: Exception) -> None:
        """Fail every item with `error`, and every item that is added later unless `error` is `Stopped`."""
        with self._lock:
            waiting, self._items = self._items, {}
            if not isinstance(error, Stopped):
                self._trouble = str(error)
        for item in waiting.values():
            item.future.set_exception(error)
