"""Random streams, keyed by what they are for and never by where a member stands."""

from __future__ import annotations

import hashlib

import torch


def stream_seed(*key: object) -> int:
    """A 63-bit seed that depends on every item of `key` and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*key: object) -> torch.Generator:
    """A CPU generator seeded by every item of `key`."""
    return torch.Generator().manual_seed(stream_seed(*key))
