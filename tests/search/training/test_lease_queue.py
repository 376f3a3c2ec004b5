"""Items of work under leases: each done once, whatever becomes of those who work at it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lossmith.search.training.ray.lease_queue import LeaseQueue


@dataclass
class Clock:
    """A time that passes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> LeaseQueue:
    """A queue with a lease of ten seconds and the items 1 and 2."""
    made = LeaseQueue(10.0, tries=3, clock=clock)
    made.put(1, "one")
    made.put(2, "two")
    return made


def test_items_are_handed_out_in_their_order_and_once(queue: LeaseQueue) -> None:
    """Two who ask get two items, the third nothing."""
    assert [queue.take(who) for who in ("a", "b", "c")] == [(1, "one"), (2, "two"), None]


def test_a_result_is_collected_once(queue: LeaseQueue) -> None:
    """What a holder brings is accepted and handed on one time."""
    queue.take("a")
    assert queue.finish(1, "a", ok=True, result=5)
    assert queue.collect() == [(1, True, 5)]
    assert queue.collect() == []
    assert not queue.finish(1, "a", ok=True, result=5)


def test_a_silent_holder_loses_its_item_and_its_result_is_refused(queue: LeaseQueue, clock: Clock) -> None:
    """After the lease the item goes to another, and what the first brings then is not taken."""
    queue.take("a")
    clock.now = 10.0
    assert queue.expire() == ["a"]
    assert queue.take("b") == (1, "one")
    assert not queue.renew(1, "a")
    assert not queue.finish(1, "a", ok=True, result="stale")
    assert queue.finish(1, "b", ok=True, result="fresh")
    assert queue.collect() == [(1, True, "fresh")]


def test_a_late_result_counts_while_nobody_else_has_the_item_only_if_it_was_not_taken_back(
    queue: LeaseQueue, clock: Clock
) -> None:
    """A item that was taken back is its former holder's no more, even before another takes it."""
    queue.take("a")
    clock.now = 11.0
    queue.expire()
    assert not queue.finish(1, "a", ok=True, result="stale")


def test_a_holder_that_speaks_keeps_its_piece(queue: LeaseQueue, clock: Clock) -> None:
    """Each word starts the lease anew."""
    queue.take("a")
    for now in (9.0, 18.0, 27.0):
        clock.now = now
        assert queue.renew(1, "a")
        assert queue.expire() == []


def test_who_asks_again_has_lost_what_it_held(queue: LeaseQueue) -> None:
    """A worker that was restarted under its old name does not block its old item."""
    queue.take("a")
    assert queue.take("a") == (1, "one")


def test_a_lost_item_goes_first(queue: LeaseQueue) -> None:
    """What was begun is finished before anything new is begun: others may wait for it at a rung."""
    queue.take("a")
    queue.lost("a", "its node died")
    assert queue.take("b") == (1, "one")


def test_a_item_that_kills_its_workers_comes_back_as_failed(queue: LeaseQueue) -> None:
    """After as many tries as there are, it is given up with the reason, and nobody gets it any more."""
    for who in ("a", "b", "c"):
        assert queue.take(who) == (1, "one")
        queue.lost(who, "its node died")
    assert queue.collect() == [(1, False, "lost 3 times, the last time because its node died")]
    assert queue.take("d") == (2, "two")


def test_a_item_that_nobody_needs_is_not_handed_out(queue: LeaseQueue) -> None:
    """A search that stopped waiting costs nobody a training."""
    queue.drop(1)
    assert queue.take("a") == (2, "two")


def test_a_item_that_kills_its_workers_comes_back_sooner(clock: Clock) -> None:
    """Two workers killed while their nodes live are enough; nodes that die with theirs do not count so."""
    queue = LeaseQueue(10.0, tries=8, clock=clock)
    queue.put(3, "wide", kills=2)
    for turn, killed in enumerate((True, False, True)):
        assert queue.take(f"worker {turn}") == (3, "wide")
        assert queue.collect() == []
        queue.lost(f"worker {turn}", "it was killed", killed=killed)
    assert queue.collect() == [(3, False, "lost 3 times, the last time because it was killed")]
