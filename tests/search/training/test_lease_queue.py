"""Pieces of work under leases: each done once, whatever becomes of those who work at it."""

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
def desk(clock: Clock) -> LeaseQueue:
    """A desk with a lease of ten seconds and the pieces 1 and 2."""
    made = LeaseQueue(10.0, tries=3, clock=clock)
    made.put(1, "one")
    made.put(2, "two")
    return made


def test_pieces_are_handed_out_in_their_order_and_once(desk: LeaseQueue) -> None:
    """Two who ask get two pieces, the third nothing."""
    assert [desk.take(who) for who in ("a", "b", "c")] == [(1, "one"), (2, "two"), None]


def test_a_result_is_collected_once(desk: LeaseQueue) -> None:
    """What a holder brings is accepted and handed on one time."""
    desk.take("a")
    assert desk.done(1, "a", ok=True, result=5)
    assert desk.collect() == [(1, True, 5)]
    assert desk.collect() == []
    assert not desk.done(1, "a", ok=True, result=5)


def test_a_silent_holder_loses_its_piece_and_its_result_is_refused(desk: LeaseQueue, clock: Clock) -> None:
    """After the lease the piece goes to another, and what the first brings then is not taken."""
    desk.take("a")
    clock.now = 10.0
    assert desk.expire() == ["a"]
    assert desk.take("b") == (1, "one")
    assert not desk.alive(1, "a")
    assert not desk.done(1, "a", ok=True, result="stale")
    assert desk.done(1, "b", ok=True, result="fresh")
    assert desk.collect() == [(1, True, "fresh")]


def test_a_late_result_counts_while_nobody_else_has_the_piece_only_if_it_was_not_taken_back(
    desk: LeaseQueue, clock: Clock
) -> None:
    """A piece that was taken back is its former holder's no more, even before another takes it."""
    desk.take("a")
    clock.now = 11.0
    desk.expire()
    assert not desk.done(1, "a", ok=True, result="stale")


def test_a_holder_that_speaks_keeps_its_piece(desk: LeaseQueue, clock: Clock) -> None:
    """Each word starts the lease anew."""
    desk.take("a")
    for now in (9.0, 18.0, 27.0):
        clock.now = now
        assert desk.alive(1, "a")
        assert desk.expire() == []


def test_who_asks_again_has_lost_what_it_held(desk: LeaseQueue) -> None:
    """A worker that was restarted under its old name does not block its old piece."""
    desk.take("a")
    assert desk.take("a") == (1, "one")


def test_a_lost_piece_goes_first(desk: LeaseQueue) -> None:
    """What was begun is finished before anything new is begun: others may wait for it at a rung."""
    desk.take("a")
    desk.lost("a", "its node died")
    assert desk.take("b") == (1, "one")


def test_a_piece_that_kills_its_workers_comes_back_as_failed(desk: LeaseQueue) -> None:
    """After as many tries as there are, it is given up with the reason, and nobody gets it any more."""
    for who in ("a", "b", "c"):
        assert desk.take(who) == (1, "one")
        desk.lost(who, "its node died")
    assert desk.collect() == [(1, False, "lost 3 times, the last time because its node died")]
    assert desk.take("d") == (2, "two")


def test_a_piece_that_nobody_needs_is_not_handed_out(desk: LeaseQueue) -> None:
    """A search that stopped waiting costs nobody a training."""
    desk.drop(1)
    assert desk.take("a") == (2, "two")


def test_a_piece_that_kills_its_workers_comes_back_sooner(clock: Clock) -> None:
    """Two workers killed while their nodes live are enough; nodes that die with theirs do not count so."""
    desk = LeaseQueue(10.0, tries=8, clock=clock)
    desk.put(3, "wide", kills=2)
    for turn, alone in enumerate((True, False, True)):
        assert desk.take(f"worker {turn}") == (3, "wide")
        assert desk.collect() == []
        desk.lost(f"worker {turn}", "it was killed", alone=alone)
    assert desk.collect() == [(3, False, "lost 3 times, the last time because it was killed")]
