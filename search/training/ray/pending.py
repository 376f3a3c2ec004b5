"""The pieces of work that the driver waits for."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count
from threading import Lock
from typing import Any

from ..program import Stopped, WorkerError
from .remote_program import TooLargeError, WorkResult


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece somebody waits for: where it lies, and how many workers it may still kill."""

    number: int
    reference: Any
    kills: int
    future: Future[WorkResult]


class PendingWork:
    """The pieces that are waited for; threads may share them."""

    def __init__(self) -> None:
        self._lock, self._numbers = Lock(), count()
        self._waiting: dict[int, Piece] = {}
        self._trouble: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, reference: Any, kills: int) -> Piece:
        """One more. Raises `WorkerError` once `fail` has been told that nothing works any more."""
        with self._lock:
            if self._trouble:
                raise WorkerError(self._trouble)
            piece = Piece(next(self._numbers), reference, kills, Future())
            self._waiting[piece.number] = piece
        return piece

    def pop(self, number: int) -> Future[WorkResult] | None:
        """Whoever waits for this piece, who has now been told or waits no more; None if nobody does."""
        with self._lock:
            piece = self._waiting.pop(number, None)
        return None if piece is None else piece.future

    def again(self) -> list[Piece]:
        """Those that are left when each has killed one worker more; the others have failed."""
        with self._lock:
            lost = [piece for piece in self._waiting.values() if piece.kills <= 1]
            left = [replace(p, kills=p.kills - 1) for p in self._waiting.values() if p.kills > 1]
            self._waiting = {piece.number: piece for piece in left}
        for piece in lost:
            piece.future.set_exception(TooLargeError("a program was lost when its node ran out of memory"))
        return left

    def fail(self, error: Exception) -> None:
        """No piece will come to an end, and none that is added later, unless the search was stopped."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            if not isinstance(error, Stopped):
                self._trouble = str(error)
        for piece in waiting.values():
            piece.future.set_exception(error)
