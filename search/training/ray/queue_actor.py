"""The lease queue as an actor: a process at which workers wait for work and the driver for results."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import ray

from .lease_queue import LeaseQueue

POLL_S = 1.0  # how long a call waits for news


class QueueActor:
    """A `LeaseQueue` in a process of its own, whose callers may wait for news.

    A holder of the queue is a worker and its token: Tune starts a dead worker again under its old name, with
    another token.

    Args:
        lease_s: Seconds that a holder may be silent, above 0.
        tries: How often an item may be lost before it fails, at least 1.
    """

    def __init__(self, lease_s: float, tries: int) -> None:
        self._queue = LeaseQueue(lease_s, tries)
        self._actors: dict[str, Any] = {}  # by holder
        self._closed = False
        self._trouble: str | None = None
        self._news = asyncio.Event()
        self._taken = 0
        self._born = os.urandom(
            8
        ).hex()  # another one after Ray has started the actor again, with an empty queue

    async def put(self, number: int, payload: Any, kills: int) -> None:
        """Append an item to the queue, as `LeaseQueue.put`.

        Args:
            number: Identifies the item.
            payload: What the worker is given.
            kills: How many workers the item may kill before it fails.
        """
        self._queue.put(number, payload, kills)
        self._tell()

    async def take(self, worker: str, token: str, actor: Any) -> tuple[str, Any]:
        """Lease the next item: ("item", (number, payload)), ("wait", None) or, once closed, ("end", None).

        Args:
            worker: The worker that asks.
            token: Tells its process from those that had its name before.
            actor: The worker's actor, to be killed where it falls silent.
        """
        holder = f"{worker}/{token}"
        for other in [h for h in self._actors if h != holder and h.startswith(f"{worker}/")]:
            self._queue.lost(other, "its worker died")
            del self._actors[other]
        self._actors[holder] = actor
        self._taken += 1
        end = time.monotonic() + POLL_S
        while not self._closed:
            found = self._queue.take(holder)
            if found is not None:
                return "item", found
            if not await self._wait(end):
                return "wait", None
        return "end", None

    async def renew(self, number: int, worker: str, token: str) -> bool:
        """Start the lease of an item anew, as `LeaseQueue.renew`.

        Args:
            number: The item.
            worker: The worker that says it is alive.
            token: Tells its process from those that had its name before.
        """
        return self._queue.renew(number, f"{worker}/{token}")

    async def finish(self, number: int, worker: str, token: str, ok: bool, result: bytes | str) -> bool:  # noqa: FBT001
        """Accept the result of an item, as `LeaseQueue.finish`.

        Args:
            number: The item.
            worker: The worker that brings the result.
            token: Tells its process from those that had its name before.
            ok: Whether the work succeeded.
            result: What came of it, or what went wrong.
        """
        accepted = self._queue.finish(number, f"{worker}/{token}", ok, result)
        self._tell()
        return accepted

    async def lost(self, worker: str, why: str, killed: bool) -> int:  # noqa: FBT001  (as below)
        """Take back a worker's items; return how often work was asked for since the last time.

        Args:
            worker: The worker that is gone.
            why: What happened to it.
            killed: Whether its process was killed while its node lives on.
        """
        for holder in [h for h in self._actors if h.startswith(f"{worker}/")]:
            self._queue.lost(holder, why, killed=killed)
            del self._actors[holder]
        taken, self._taken = self._taken, 0
        self._tell()
        return taken

    async def trouble(self, message: str) -> None:
        """Note that a worker cannot make the task at all; `message` says why."""
        self._trouble = message
        self._tell()

    async def drop(self, numbers: list[int]) -> None:
        """Remove items, by their numbers, whose results nobody waits for any more."""
        for number in numbers:
            self._queue.drop(number)

    async def collect(self) -> tuple[list[tuple[int, bool, Any]], str | None, str]:
        """Wait for results: these, what is wrong with the workers (or None), and which actor answers."""
        end = time.monotonic() + POLL_S
        while True:
            for holder in self._queue.expire():
                actor = self._actors.pop(holder, None)
                if actor is not None:
                    ray.kill(actor)  # it hangs: Tune puts another in its place
            found = self._queue.collect()
            if found or self._trouble or self._closed or not await self._wait(end):
                return found, self._trouble, self._born

    async def close(self) -> None:
        """End every worker that asks for work."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _wait(self, end: float) -> bool:
        """Wait for news until `end`; False when there was none."""
        try:
            await asyncio.wait_for(self._news.wait(), max(0.0, end - time.monotonic()))
        except TimeoutError:
            return False
        return True
