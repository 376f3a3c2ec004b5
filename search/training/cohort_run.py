"""The programs of one cohort, trained in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from ..records import Candidate, Member, Repeat
from .bracket import Scored
from .partition import Shard
from .program import CohortProgram

T = TypeVar("T")
LOOKS = 4  # how often within a stretch of training the progress is told


@dataclass(eq=False)
class ProgramSlot:
    """A program of the cohort.

    Attributes:
        candidates: The candidates it trains, by their places in the cohort.
        repeats: The repeats it trains each of them on.
        program: The program.
        worker: The number of the worker that trains it.
    """

    candidates: list[int]
    repeats: tuple[Repeat, ...]
    program: CohortProgram
    worker: int = 0

    def __len__(self) -> int:
        return len(self.candidates) * len(self.repeats)


@dataclass(frozen=True)
class Capacity:
    """How many programs are trained at a time, and how many members one may hold.

    Args:
        workers: Program number n is trained by worker n modulo `workers`.
        members: Programs of one worker that have lost members become one again where that has no more
            members than this; 0 where programs are not joined.
    """

    workers: int = 1
    members: int = 0


class CohortRun:
    """Candidates on repeats, in as many programs as there are shards.

    Args:
        candidates: The cohort.
        repeats: What each candidate is trained on.
        shards: The members of each program.
        threads: Wait for the programs.
        make: Makes a program of a number, of candidates by their places in the cohort, and of repeats.
        capacity: Where the programs are trained and when they are joined.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        shards: Sequence[Shard],
        threads: ThreadPoolExecutor,
        make: Callable[[int, dict[int, Candidate], tuple[Repeat, ...]], CohortProgram],
        capacity: Capacity = Capacity(),
    ) -> None:
        self._threads, self._capacity, self._trained = threads, capacity, 0
        self._members = [Member(place, repeat) for place in range(len(candidates)) for repeat in repeats]

        def slot(number: int, shard: Shard) -> ProgramSlot:
            own = tuple(repeats[place] for place in shard.repeats)
            some = {place: candidates[place] for place in range(shard.low, shard.high)}
            return ProgramSlot(list(some), own, make(number, some, own), number % capacity.workers)

        self._slots = list(threads.map(slot, range(len(shards)), shards))

    def advance(self, epochs: int, watch: Callable[[int], None]) -> None:
        """Train every program further.

        Args:
            epochs: For how many epochs.
            watch: Called with the epochs times members that are done in all.
        """
        edges = [round(i * epochs / LOOKS) for i in range(LOOKS + 1)]
        for some in (high - low for low, high in pairwise(edges) if high > low):
            trained = self._threads.map(lambda slot, e=some: slot.program.train(e), self._slots)
            for slot, _ in zip(self._slots, trained, strict=True):
                self._trained += len(slot) * some
                watch(self._trained)

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        """Score every member, under `n_resamples` resamplings of the held-out samples too."""
        found = self._each(lambda slot: slot.program.scores(n_resamples))
        return [member for some in found for member in some]

    def outputs(self) -> Tensor:
        """Every member's outputs on the held-out part, (candidates * repeats, N, ...), by candidate."""
        found: dict[Member, Tensor] = {}
        for some in self._each(lambda slot: slot.program.outputs()):
            found.update(some)
        return torch.stack([found[member] for member in self._members])

    def drop(self, gone: set[int]) -> None:
        """Train these candidates, named by their places in the cohort, no more."""
        for slot in self._slots:
            left = [candidate for candidate in slot.candidates if candidate not in gone]
            if left and len(left) < len(slot.candidates):
                slot.program.keep(left)
            slot.candidates = left
        self._slots = [slot for slot in self._slots if slot.candidates]
        self._join()

    def _join(self) -> None:
        """Half-empty programs become full ones: a step costs nearly the same whatever a program holds."""
        left: list[ProgramSlot] = []
        for slot in self._slots:
            host = next((other for other in left if self._fit(other, slot)), None)
            if host is None:
                left.append(slot)
            else:
                host.program.join(slot.program)
                host.candidates += slot.candidates
        self._slots = left

    def _fit(self, one: ProgramSlot, other: ProgramSlot) -> bool:
        alike = (one.worker, one.repeats) == (other.worker, other.repeats)
        return alike and len(one) + len(other) <= self._capacity.members

    def _each(self, work: Callable[[ProgramSlot], T]) -> list[T]:
        return list(self._threads.map(work, self._slots))
