"""The pieces that the driver waits for are each told once what became of them."""

from __future__ import annotations

import pytest

from lossmith.search.training.program import Stopped, WorkerError
from lossmith.search.training.ray.pending import PendingWork
from lossmith.search.training.ray.remote_program import TooLargeError, WorkResult


def test_a_result_is_handed_over_once() -> None:
    """A second result of the same piece, or one that nobody waits for, finds nobody."""
    pieces = PendingWork()
    first, second = pieces.add("a", 2), pieces.add("b", 2)
    waiting = pieces.pop(first.number)
    assert waiting is first.future
    waiting.set_result(done := WorkResult(()))
    assert first.future.result(0) is done
    assert pieces.pop(first.number) is None
    assert len(pieces) == 1
    assert not second.future.done()


def test_a_piece_put_again_has_a_kill_fewer() -> None:
    """Each restart of the desk counts as a kill of every piece, and the last one ends it as too large."""
    pieces = PendingWork()
    tough, frail = pieces.add("a", 2), pieces.add("b", 1)
    again = pieces.again()
    assert [(piece.number, piece.reference, piece.kills) for piece in again] == [(tough.number, "a", 1)]
    assert isinstance(frail.future.exception(0), TooLargeError)
    assert not tough.future.done()
    assert pieces.again() == []
    assert isinstance(tough.future.exception(0), TooLargeError)


def test_once_nothing_works_no_piece_is_taken() -> None:
    """Whoever waits is told why, and so is who comes later; a stopped search leaves no trouble."""
    pieces = PendingWork()
    piece = pieces.add("a", 2)
    pieces.fail(Stopped())
    assert isinstance(piece.future.exception(0), Stopped)
    pieces.add("b", 2)
    pieces.fail(WorkerError("the cluster is gone"))
    with pytest.raises(WorkerError, match="the cluster is gone"):
        pieces.add("c", 2)
    assert len(pieces) == 0
