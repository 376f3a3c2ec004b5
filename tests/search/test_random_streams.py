"""Random streams depend on what they are for, and on nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from lossmith.search import Repeat
from lossmith.search.random_streams import generator, stream_seed


def test_a_stream_depends_on_every_item_of_its_key() -> None:
    """Keys that differ in one item, in the order of items or in what an item belongs to have other seeds."""
    keys: list[tuple[object, ...]] = [
        (0,), (1,), (0, "model", 0), (0, "model", 1), (0, "noise", 0), (1, "model", 0), (0, 0, "model"),
        (0, Repeat(0)), (0, Repeat(1)), (0, Repeat(0, 1)), (0, Repeat(0, 0, 1)), (0, Repeat(0), 1),
    ]  # fmt: skip
    assert len({stream_seed(*key) for key in keys}) == len(keys)


def test_equal_keys_give_equal_streams() -> None:
    """A generator is where its key says, however often it is made and whatever was drawn elsewhere."""
    first = torch.rand(3, generator=generator(0, "batches", Repeat(2), 5))
    torch.rand(10)
    assert torch.equal(first, torch.rand(3, generator=generator(0, "batches", Repeat(2), 5)))


def test_a_seed_fits_whatever_takes_seeds() -> None:
    """Seeds are whole numbers of 63 bits: torch takes them, and SQL stores them."""
    assert all(0 <= stream_seed(i) < 2**63 for i in range(1000))


@pytest.mark.end_to_end
def test_a_seed_is_the_same_in_every_process() -> None:
    """Python's randomised hashing of strings has no part in it."""
    code = "from lossmith.search.random_streams import stream_seed; print(stream_seed(0, 'model', 1))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == stream_seed(0, "model", 1)
