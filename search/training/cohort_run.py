"""The programs of one cohort, trained side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from ..records import Candidate, Repeat
from ..tasks.splits import Split, final_split, split_for
from ..tasks.task import Task
from .bracket import Scored
from .engines.device import Hardware
from .engines.registry import engine_named
from .partition import Shard
from .program import Job, Program

T = TypeVar("T")
LOOKS = 4  # how often within a stretch of training the progress is told


@dataclass(eq=False)
class ProgramSlot:
    """One program: its members are the candidates on the first repeat, then on the second, and so on."""

    candidates: list[int]
    repeats: tuple[Repeat, ...]
    splits: tuple[Split, ...]
    program: Program
    worker: int = 0

    def __len__(self) -> int:
        return len(self.candidates) * len(self.repeats)

    def by_repeat(self, members: Tensor) -> Iterable[tuple[Repeat, Split, Tensor]]:
        """(members, ...) in parts of (candidates, ...)."""
        return zip(self.repeats, self.splits, members.split(len(self.candidates)), strict=True)


@dataclass(frozen=True)
class Capacity:
    """Program number n is trained by worker n modulo `workers`, and may hold so many members.

    Programs of one worker that have lost members become one again where that has room for them.
    """

    workers: int = 1
    members: int = 0


class CohortRun:
    """Candidates on repeats, in as many programs as there are shares; `splits` are the repeats' data.

    `make` makes each program, given its number, its candidates and its repeats; `pool` waits for them.
    """

    def __init__(
        self,
        task: Task,
        candidates: Sequence[Candidate],
        splits: Mapping[Repeat, Split],
        shares: Sequence[Shard],
        pool: ThreadPoolExecutor,
        make: Callable[[int, Sequence[Candidate], tuple[Repeat, ...]], Program],
        room: Capacity = Capacity(),
    ) -> None:
        self._task, self._pool, self._room, self._work = task, pool, room, 0
        self._repeats = repeats = list(splits)

        def slot(number: int, share: Shard) -> ProgramSlot:
            own = tuple(repeats[place] for place in share.repeats)
            program = make(number, candidates[share.low : share.high], own)
            places, data = list(range(share.low, share.high)), tuple(splits[r] for r in own)
            return ProgramSlot(places, own, data, program, number % room.workers)

        self._slots = list(pool.map(slot, range(len(shares)), shares))

    def advance(self, epochs: int, watch: Callable[[int], None]) -> None:
        """Train every program for so many epochs; `watch` is told the epochs times members done in all."""
        edges = [round(i * epochs / LOOKS) for i in range(LOOKS + 1)]
        for some in (high - low for low, high in pairwise(edges) if high > low):
            trained = self._pool.map(lambda slot, e=some: slot.program.train(e), self._slots)
            for slot, _ in zip(self._slots, trained, strict=True):
                self._work += len(slot) * some
                watch(self._work)

    def scores(self) -> list[Scored]:
        """The metric of every member, and what is wrong with those that diverged."""
        return [member for some in self._each(lambda slot: _scores(self._task, slot)) for member in some]

    def resampled(self, taken: Tensor) -> dict[int, list[float]]:
        """Each candidate's mean score where a held-out sample counts as often as `taken` (draws, N)."""
        rows: dict[int, list[Tensor]] = {}
        for some in self._each(lambda slot: _resampled(self._task, slot, taken)):
            for candidate, scores in some:
                rows.setdefault(candidate, []).append(scores)
        return {candidate: torch.stack(found).nanmean(0).tolist() for candidate, found in rows.items()}

    def outputs(self) -> Tensor:
        """Every member's outputs on the held-out part, (candidates, repeats, N, ...)."""
        found: dict[Repeat, dict[int, Tensor]] = {}
        for slot, outputs in zip(self._slots, self._each(lambda slot: slot.program.outputs()), strict=True):
            for repeat, _, own in slot.by_repeat(outputs):
                found.setdefault(repeat, {}).update(zip(slot.candidates, own, strict=True))
        by_repeat = {r: torch.stack([own for _, own in sorted(some.items())]) for r, some in found.items()}
        return torch.stack([by_repeat[repeat] for repeat in self._repeats], 1)

    def drop(self, gone: set[int]) -> None:
        """Train these candidates no more."""
        for slot in self._slots:
            places = [place for place, candidate in enumerate(slot.candidates) if candidate not in gone]
            if places and len(places) < len(slot.candidates):
                slot.program.keep(places)
            slot.candidates = [slot.candidates[place] for place in places]
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
        return alike and len(one) + len(other) <= self._room.members

    def _each(self, work: Callable[[ProgramSlot], T]) -> list[T]:
        return list(self._pool.map(work, self._slots))


def _scores(task: Task, slot: ProgramSlot) -> list[Scored]:
    outputs, reasons = slot.program.outputs(), slot.program.faults()
    wide = outputs.reshape(*outputs.shape[:2], -1)  # outputs may be (members, N) alone
    finite = wide.isfinite().flatten(1).all(1).tolist()
    spread = (wide.amax(1) - wide.amin(1)).amax(1).tolist()
    found: list[Scored] = []
    for repeat, split, own in slot.by_repeat(torch.nan_to_num(outputs)):
        for candidate, score in zip(slot.candidates, task.measure(own, split.held[1]).tolist(), strict=True):
            member, reason = len(found), reasons.get(len(found))
            if reason is None and not finite[member]:
                reason = "nan in the outputs"
            elif reason is None and spread[member] == 0 and len(split.held[1]) > 1:
                reason = "collapse: the same output for every sample"
            found.append(Scored(candidate, repeat, math.nan if reason else score, reason))
    return found


def _resampled(task: Task, slot: ProgramSlot, taken: Tensor) -> list[tuple[int, Tensor]]:
    """(draws,) for every member; NaN for a draw that took none of its held-out samples."""
    found: list[tuple[int, Tensor]] = []
    for _, split, own in slot.by_repeat(torch.nan_to_num(slot.program.outputs())):
        weights = taken if split.places is None else taken[:, split.places]
        scores = task.measure.score(own, split.held[1], weights.to(own.device))
        found += zip(slot.candidates, scores.T.cpu(), strict=True)
    return found


def program_maker(
    task: Task, folds: int, seed: int, hardware: Hardware | None = None
) -> Callable[..., Program]:
    """What a crew makes programs with: it looks the data of a repeat up once and keeps it."""
    on = hardware or Hardware()

    @lru_cache(maxsize=64)
    def split(repeat: Repeat, final: bool) -> Split:  # noqa: FBT001  (a key, not an option)
        return on.placed(final_split(task) if final else split_for(task, repeat, folds, seed), task)

    def make(
        engine: str,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        final: bool,  # noqa: FBT001  (a message's part, by its place)
    ) -> Program:
        jobs = (
            Job(task, split(r, final), candidates, r, seed, device=on.device, precision=on.precision)
            for r in repeats
        )
        return engine_named(engine).program(*jobs)

    return make
