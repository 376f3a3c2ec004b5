"""Who works at which piece: handed out under a lease, taken back when nothing is heard, accepted once.

Nothing here knows of Ray or of torch. On a cluster the desk lives in a process of its own; its class travels
there by value, so this module imports the standard library alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Piece:
    payload: Any
    kills: int  # how many workers it may kill
    holder: str | None = None  # None: nobody works at it
    heard_at: float = 0.0
    tries: int = 0
    killed: int = 0


@dataclass
class LeaseQueue:
    """Pieces of work, each given to one holder at a time.

    A holder that says nothing for `lease_s` seconds loses its piece to the next who asks, and what it brings
    after that is refused. A piece that was lost `tries` times comes back as failed, and so does one that
    killed as many workers as it may: the likeliest reason is that it needs more memory than there is.
    """

    lease_s: float
    tries: int = 8
    clock: Callable[[], float] = time.monotonic
    _pieces: dict[int, _Piece] = field(default_factory=dict)
    _waiting: deque[int] = field(default_factory=deque)
    _results: list[tuple[int, bool, Any]] = field(default_factory=list)

    def put(self, number: int, payload: Any, kills: int | None = None) -> None:
        """A new piece, to be worked at in its turn, that may kill so many workers; a known one stays."""
        if number in self._pieces:
            return
        self._pieces[number] = _Piece(payload, self.tries if kills is None else kills)
        self._waiting.append(number)

    def take(self, holder: str) -> tuple[int, Any] | None:
        """The next piece for this holder, or None. Whoever asks has lost what it held before."""
        self.lost(holder, "its worker began anew")
        while self._waiting:
            number = self._waiting.popleft()
            piece = self._pieces.get(number)
            if piece is not None and piece.holder is None:
                piece.holder, piece.heard_at, piece.tries = holder, self.clock(), piece.tries + 1
                return number, piece.payload
        return None

    def alive(self, number: int, holder: str) -> bool:
        """The holder is getting on with it. False: the piece is not its own any more."""
        piece = self._pieces.get(number)
        if piece is None or piece.holder != holder:
            return False
        piece.heard_at = self.clock()
        return True

    def done(self, number: int, holder: str, ok: bool, result: Any) -> bool:  # noqa: FBT001  (what the worker says)
        """The holder's result. False: it came too late, and another holder's counts."""
        piece = self._pieces.get(number)
        if piece is None or piece.holder != holder:
            return False
        del self._pieces[number]
        self._results.append((number, ok, result))
        return True

    def lost(self, holder: str, why: str, *, alone: bool = False) -> None:
        """This holder is gone: what it had is for others. `alone`: it was killed, while its node lives."""
        for number, piece in list(self._pieces.items()):
            if piece.holder == holder:
                piece.killed += alone
                self._take_back(number, piece, why)

    def expire(self) -> list[str]:
        """Take back what nothing was heard of for too long; the holders that had it."""
        limit = self.clock() - self.lease_s
        silent = [(n, p) for n, p in self._pieces.items() if p.holder is not None and p.heard_at <= limit]
        holders = [str(piece.holder) for _, piece in silent]
        for number, piece in silent:
            self._take_back(number, piece, f"nothing was heard of it for {self.lease_s:.0f} s")
        return holders

    def drop(self, number: int) -> None:
        """Nobody needs this piece any more."""
        self._pieces.pop(number, None)

    def collect(self) -> list[tuple[int, bool, Any]]:
        """What has come in since the last call: (piece, done or not, result or what went wrong)."""
        found, self._results = self._results, []
        return found

    def _take_back(self, number: int, piece: _Piece, why: str) -> None:
        piece.holder = None
        if piece.tries >= self.tries or piece.killed >= piece.kills:
            del self._pieces[number]
            self._results.append((number, False, f"lost {piece.tries} times, the last time because {why}"))
        else:
            self._waiting.appendleft(number)
