"""The items that the driver waits for are each told once what became of them."""

from __future__ import annotations

import pytest

from lossmith.search.training.program import Stopped, WorkerError
from lossmith.search.training.ray.pending import PendingWork
from lossmith.search.training.ray.remote_program import TooLargeError, WorkResult


def test_a_result_is_handed_over_once() -> None:
    """A second result of the same item, or one that nobody waits for, finds nobody."""
    items = PendingWork()
    first, second = items.add("a", 2), items.add("b", 2)
    waiting = items.pop(first.number)
    assert waiting is first.future
    waiting.set_result(done := WorkResult(()))
    assert first.future.result(0) is done
    assert items.pop(first.number) is None
    assert len(items) == 1
    assert not second.future.done()


def test_a_item_put_again_has_a_kill_fewer() -> None:
    """Each restart of the queue counts as a kill of every item, and the last one ends it as too large."""
    items = PendingWork()
    tough, frail = items.add("a", 2), items.add("b", 1)
    again = items.after_a_kill()
    assert [(item.number, item.reference, item.kills) for item in again] == [(tough.number, "a", 1)]
    assert isinstance(frail.future.exception(0), TooLargeError)
    assert not tough.future.done()
    assert items.after_a_kill() == []
    assert isinstance(tough.future.exception(0), TooLargeError)


def test_once_nothing_works_no_item_is_taken() -> None:
    """Whoever waits is told why, and so is who comes later; a stopped search leaves no trouble."""
    items = PendingWork()
    item = items.add("a", 2)
    items.fail(Stopped())
    assert isinstance(item.future.exception(0), Stopped)
    items.add("b", 2)
    items.fail(WorkerError("the cluster is gone"))
    with pytest.raises(WorkerError, match="the cluster is gone"):
        items.add("c", 2)
    assert len(items) == 0
