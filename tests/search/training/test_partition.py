"""Which members form a program: all of them, none twice, no program too wide, no worker without work."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lossmith.search.training.partition import partition

COUNTS = st.integers(1, 70)


@given(COUNTS, st.lists(st.integers(0, 2), min_size=1, max_size=9), st.integers(1, 4), st.integers(1, 64))
def test_every_member_is_in_one_program(candidates: int, alike: list[int], workers: int, width: int) -> None:
    """Every candidate on every repeat once; no program above the width, nor of repeats that are not alike."""
    shards = partition(candidates, alike, workers, width)
    members = Counter((c, r) for s in shards for c in range(s.low, s.high) for r in s.repeats)
    assert members == Counter((c, r) for c in range(candidates) for r in range(len(alike)))
    for share in shards:
        assert len({alike[r] for r in share.repeats}) == 1
        assert (share.high - share.low) * len(share.repeats) <= width


def test_few_candidates_are_trained_on_several_repeats_at_once() -> None:
    """15 losses on 16 repeats with 2 workers are two programs of 8 repeats, where the width allows it."""
    shards = partition(15, [0] * 16, 2, 128)
    assert [(s.low, s.high, len(s.repeats)) for s in shards] == [(0, 15, 8)] * 2


def test_many_candidates_are_cut_into_pieces() -> None:
    """256 candidates on one repeat occupy both workers."""
    assert [(s.low, s.high) for s in partition(256, [0], 2, 256)] == [(0, 128), (128, 256)]


def test_a_repeat_of_its_own_kind_has_a_program_of_its_own() -> None:
    """A fold of another size cannot share a batch axis with the others."""
    shards = partition(4, ["a", "b", "a"], 1, 100)
    assert [s.repeats for s in shards] == [(0, 2), (1,)]
