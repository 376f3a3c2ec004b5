"""The desk as an actor: a process at which seats wait for work and the driver for results."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import ray

from .lease_queue import LeaseQueue

POLL_S = 1.0  # how long a call waits for news


class QueueActor:
    """The desk in a process of its own, which whoever waits may wait at."""

    def __init__(self, lease_s: float, tries: int) -> None:
        self._desk = LeaseQueue(lease_s, tries)
        self._actors: dict[str, Any] = {}
        self._closed = False
        self._trouble: str | None = None
        self._news = asyncio.Event()
        self.taken = 0
        self._born = os.urandom(8).hex()  # another one after Ray has started it again, with nothing on it

    async def put(self, number: int, payload: Any, kills: int) -> None:
        """A new piece."""
        self._desk.put(number, payload, kills)
        self._tell()

    async def take(self, seat: str, token: str, actor: Any) -> tuple[str, Any]:
        """The next piece as ("piece", (number, payload)), or ("wait", None) or ("home", None)."""
        holder = f"{seat}/{token}"
        for other in [h for h in self._actors if h != holder and h.startswith(f"{seat}/")]:
            self._desk.lost(other, "its worker died")
            del self._actors[other]
        self._actors[holder] = actor
        self.taken += 1
        end = time.monotonic() + POLL_S
        while not self._closed:
            found = self._desk.take(holder)
            if found is not None:
                return "piece", found
            if not await self._wait(end):
                return "wait", None
        return "home", None

    async def alive(self, number: int, seat: str, token: str) -> bool:
        """Whether the piece is still this holder's."""
        return self._desk.alive(number, f"{seat}/{token}")

    async def done(self, number: int, seat: str, token: str, ok: bool, result: bytes | str) -> bool:  # noqa: FBT001
        """A result; False where it came too late."""
        accepted = self._desk.done(number, f"{seat}/{token}", ok, result)
        self._tell()
        return accepted

    async def lost(self, seat: str, why: str, alone: bool) -> int:  # noqa: FBT001  (as below)
        """The seat's actor is gone. How many pieces were taken since the last such news."""
        for holder in [h for h in self._actors if h.startswith(f"{seat}/")]:
            self._desk.lost(holder, why, alone=alone)
            del self._actors[holder]
        taken, self.taken = self.taken, 0
        self._tell()
        return taken

    async def trouble(self, message: str) -> None:
        """A worker cannot work at all."""
        self._trouble = message
        self._tell()

    async def drop(self, numbers: list[int]) -> None:
        """Nobody waits for these any more."""
        for number in numbers:
            self._desk.drop(number)

    async def collect(self) -> tuple[list[tuple[int, bool, Any]], str | None, str]:
        """What has come in, what is wrong with the workers if anything is, and which desk this is."""
        end = time.monotonic() + POLL_S
        while True:
            for holder in self._desk.expire():
                actor = self._actors.pop(holder, None)
                if actor is not None:
                    ray.kill(actor)  # it hangs: Tune puts another in its place
            found = self._desk.collect()
            if found or self._trouble or self._closed or not await self._wait(end):
                return found, self._trouble, self._born

    async def close(self) -> None:
        """Send everybody home."""
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
