"""A queue of work items under leases: an item whose holder falls silent is given to another worker.

Nothing here knows of Ray or of torch. On a cluster the queue lives in a process of its own, to which this
module travels by value; so it imports the standard library alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Item:
    payload: Any
    kills: int  # how many workers the item may kill
    holder: str | None = None  # None: no worker holds the item
    renewed_at: float = 0.0
    tries: int = 0
    killed: int = 0


@dataclass
class LeaseQueue:
    """Work items, each held by one worker at a time.

    An item whose lease was not renewed for `lease_s` seconds is given to the next worker that asks, and a
    result of the former holder is refused. An item that was lost `tries` times fails, and so does one that
    killed as many workers as it may: the likeliest reason is that it needs more memory than there is.

    Args:
        lease_s: Seconds that a holder may be silent, above 0.
        tries: How often an item may be lost before it fails, at least 1.
        clock: The time in seconds, from any beginning.

    Example:
        >>> queue = LeaseQueue(lease_s=600)
        >>> queue.put(1, "train these")
        >>> queue.take("worker a")
        (1, 'train these')
        >>> queue.finish(1, "worker a", ok=True, result=0.9)
        True
        >>> queue.collect()
        [(1, True, 0.9)]
    """

    lease_s: float
    tries: int = 8
    clock: Callable[[], float] = time.monotonic
    _items: dict[int, _Item] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _results: list[tuple[int, bool, Any]] = field(default_factory=list)

    def put(self, number: int, payload: Any, kills: int | None = None) -> None:
        """Append an item to the queue; an item whose number is in the queue already is left as it is.

        Args:
            number: Identifies the item.
            payload: What the worker is given.
            kills: How many workers the item may kill before it fails (None: `tries`).
        """
        if number in self._items:
            return
        self._items[number] = _Item(payload, self.tries if kills is None else kills)
        self._waiting.append(number)

    def take(self, holder: str) -> tuple[int, Any] | None:
        """Lease the next item, (number, payload) or None, to `holder`, which loses what it held before."""
        self.lost(holder, "its worker began anew")
        while self._waiting:
            number = self._waiting.popleft()
            item = self._items.get(number)
            if item is not None and item.holder is None:
                item.holder, item.renewed_at, item.tries = holder, self.clock(), item.tries + 1
                return number, item.payload
        return None

    def renew(self, number: int, holder: str) -> bool:
        """Start the lease of an item anew; False when the holder does not hold the item any more.

        Args:
            number: The item.
            holder: The worker that says it is alive.
        """
        item = self._items.get(number)
        if item is None or item.holder != holder:
            return False
        item.renewed_at = self.clock()
        return True

    def finish(self, number: int, holder: str, ok: bool, result: Any) -> bool:  # noqa: FBT001  (what the worker says)
        """Accept the result of an item; False when `holder` does not hold the item any more.

        Args:
            number: The item.
            holder: The worker that brings the result.
            ok: Whether the work succeeded.
            result: What came of it, or what went wrong.
        """
        item = self._items.get(number)
        if item is None or item.holder != holder:
            return False
        del self._items[number]
        self._results.append((number, ok, result))
        return True

    def lost(self, holder: str, why: str, *, killed: bool = False) -> None:
        """Take back every item of a holder that is gone.

        Args:
            holder: The worker.
            why: What happened to it, for the message of an item that fails.
            killed: Whether its process was killed while its node lives on, which counts against the item.
        """
        for number, item in list(self._items.items()):
            if item.holder == holder:
                item.killed += killed
                self._take_back(number, item, why)

    def expire(self) -> list[str]:
        """Take back every item whose lease has run out, and name the holders that had them."""
        limit = self.clock() - self.lease_s
        silent = [(n, p) for n, p in self._items.items() if p.holder is not None and p.renewed_at <= limit]
        holders = [str(item.holder) for _, item in silent]
        for number, item in silent:
            self._take_back(number, item, f"nothing was heard of it for {self.lease_s:.0f} s")
        return holders

    def drop(self, number: int) -> None:
        """Remove an item, by its number, whose result nobody waits for any more."""
        self._items.pop(number, None)

    def collect(self) -> list[tuple[int, bool, Any]]:
        """Return the results since the last call: (item, whether it succeeded, result or what went wrong)."""
        found, self._results = self._results, []
        return found

    def _take_back(self, number: int, item: _Item, why: str) -> None:
        item.holder = None
        if item.tries >= self.tries or item.killed >= item.kills:
            del self._items[number]
            self._results.append((number, False, f"lost {item.tries} times, the last time because {why}"))
        else:
            self._waiting.appendleft(number)
