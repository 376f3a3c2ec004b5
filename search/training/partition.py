"""Which members of a cohort form one program."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

OVERHEAD = 25  # members whose training costs what a program's steps cost whatever it holds


@dataclass(frozen=True)
class Shard:
    """What one program trains.

    Attributes:
        low: The place of the first candidate in the cohort.
        high: The place behind the last one.
        repeats: The places of the repeats.
    """

    low: int
    high: int
    repeats: tuple[int, ...]


def partition(candidates: int, alike: Sequence[Hashable], workers: int, width: int) -> list[Shard]:
    """Divide the members of a cohort into programs that give every worker as much to do.

    Few candidates are trained on several repeats at once, so that a step is worth its overhead; many are cut
    into pieces.

    Args:
        candidates: The number of candidates.
        alike: A key for each repeat; one program may train the repeats of one key.
        workers: How many programs are trained at a time.
        width: The most members of a program.
    """
    places: dict[Hashable, list[int]] = {}
    for place, key in enumerate(alike):
        places.setdefault(key, []).append(place)
    return [shard for group in places.values() for shard in _shards(candidates, group, workers, width)]


def _shards(candidates: int, repeats: Sequence[int], workers: int, width: int) -> list[Shard]:
    def cost(cut: tuple[int, int]) -> tuple[bool, int, int]:
        groups, pieces = cut
        members = math.ceil(len(repeats) / groups) * math.ceil(candidates / pieces)
        rounds = math.ceil(groups * pieces / workers)
        return members > width, rounds * (members + OVERHEAD), groups * pieces

    most = min(candidates, math.ceil(candidates / width) + 2 * workers)
    cuts = [(g, p) for g in range(1, len(repeats) + 1) for p in range(1, most + 1)]
    groups, pieces = min(cuts, key=cost)
    return [
        Shard(low, high, tuple(repeats[first:last]))
        for first, last in pairwise(_edges(len(repeats), groups))
        for low, high in pairwise(_edges(candidates, pieces))
    ]


def _edges(count: int, pieces: int) -> list[int]:
    return [round(i * count / pieces) for i in range(pieces + 1)]
