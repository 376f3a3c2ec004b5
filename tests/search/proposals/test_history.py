"""What a search remembers of a long history."""

from __future__ import annotations

import pytest

from lossmith.search.proposals import history
from lossmith.search.proposals.history import History
from lossmith.search.proposals.samplers import Observation


def told(values: list[float]) -> History:
    """A history of complete trials with these scores."""
    made = History()
    for value in values:
        made.add(Observation({}, value, 1.0))
    return made


def test_a_short_history_is_whole() -> None:
    """Nothing is let go of before there is too much."""
    assert [one.value for one in told([3, 1, 2])] == [3, 1, 2]


def test_a_long_history_keeps_the_best_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were told, and never more than twice as many as are kept."""
    monkeypatch.setattr(history, "KEPT", 4)
    assert [one.value for one in told([1, 9, 2, 8, 3, 4, 5, 6])] == [9, 8, 5, 6]
    assert [one.value for one in told([1, 9, 2, 8, 3, 4, 5, 6, 7])] == [9, 8, 5, 6, 7]
    assert max(len(told(list(range(count)))) for count in range(50)) < 8


def test_failures_are_the_first_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What diverged is no good point, whatever score it was given."""
    monkeypatch.setattr(history, "KEPT", 4)
    made = History()
    for share, value in (
        (0.0, 9.0),
        (1.0, 1.0),
        (0.5, 5.0),
        (1.0, 2.0),
        (0.0, 0),
        (0.0, 0),
        (1.0, 0),
        (1.0, 0),
    ):
        made.add(Observation({}, value, share))
    assert [(one.share, one.value) for one in made] == [(1.0, 1.0), (1.0, 2.0), (1.0, 0), (1.0, 0)]
