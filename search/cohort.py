"""Training one cohort: programs side by side, rungs, outcomes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from threading import Event
from typing import TypeVar

import torch
from torch import Tensor

from .engines.crew import Crew
from .engines.loop import LoopProgram
from .engines.memory import keep_freed_memory
from .engines.program import Job, Program
from .engines.stacked import StackedProgram
from .splits import Split, final_split, split_for
from .task import Task
from .trial import Candidate, Outcome, Repeat

T = TypeVar("T")
Watch = Callable[[float], None]


def unwatched(_: float) -> None:
    """Nobody looks."""


ENGINES: dict[str, Callable[[Job], Program]] = {"cohort": StackedProgram, "loop": LoopProgram}
LOOKS = 4  # how often within a stretch of training the progress is told
CACHE_NUMBERS = 4_000_000  # members times parameters that one program may hold and still be fast on a CPU


@dataclass(frozen=True)
class Rungs:
    """Where a cohort is thinned: after each of `epochs`, only the best `keep` share of it goes on."""

    epochs: tuple[int, ...] = ()
    keep: float = 0.5

    @classmethod
    def halving(cls, epochs: int, times: int = 2) -> Rungs:
        """Rungs at a quarter and a half of the training (with two of them)."""
        marks = {max(1, epochs // 2**power) for power in range(1, times + 1)}
        return cls(tuple(sorted(mark for mark in marks if mark < epochs)))

    def work(self, candidates: int, epochs: int) -> float:
        """The epochs that `candidates` will be trained for in all, if none diverges."""
        edges = (0, *self.epochs, epochs)
        return sum((high - low) * candidates * self.keep**i for i, (low, high) in enumerate(pairwise(edges)))


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains cohorts of a task: which engine, how many programs side by side, which random streams.

    `workers` programs run at a time, each on one core: small tensors gain nothing from more threads to
    an operation. They run in the processes of `crew`, or in threads where there is none.
    """

    task: Task
    folds: int = 0
    seed: int = 0
    engine: str = "cohort"
    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    stop: Event = field(default_factory=Event)
    crew: Crew | None = None

    def width(self) -> int:
        """How many members one program holds."""
        parameters = sum(p.numel() for p in self.task.build(0).parameters())
        return min(256, max(16, CACHE_NUMBERS // max(1, parameters)))

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: Rungs | None = None,
        watch: Watch = unwatched,
    ) -> list[Outcome]:
        """Train every candidate on every repeat and score it on the held-out part.

        At a rung the candidates with the worst mean metric are dropped, and so are those of which a
        repeat diverged. `watch` is told the share of the work that is done. Raises `Stopped` when `stop`
        is set.
        """
        rungs = rungs or Rungs()
        splits = {r: split_for(self.task, r, self.folds, self.seed) for r in repeats}
        cohort = _Cohort(self, candidates, repeats, splits, final=False)
        planned = rungs.work(len(candidates), self._epochs(candidates)) * len(repeats)
        done = 0
        with self._one_thread_each() as pool:
            cohort.start(pool)
            for mark in (*rungs.epochs, self._epochs(candidates)):
                cohort.advance(pool, mark - done, lambda work: watch(work / planned))
                done = mark
                cohort.score(pool, done)
                if mark in rungs.epochs:
                    cohort.thin(rungs.keep, done)
        return cohort.outcomes(done)

    def predict(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tensor:
        """Train on the whole training part; outputs on the test part, (candidates, repeats, N, ...)."""
        split = final_split(self.task)
        cohort = _Cohort(self, candidates, repeats, dict.fromkeys(repeats, split), final=True)
        with self._one_thread_each() as pool:
            cohort.start(pool)
            planned = len(candidates) * len(repeats) * self._epochs(candidates)
            cohort.advance(pool, self._epochs(candidates), lambda work: watch(work / planned))
            return cohort.outputs(pool)

    @staticmethod
    def _epochs(candidates: Sequence[Candidate]) -> int:
        return candidates[0].recipe.epochs

    @contextmanager
    def _one_thread_each(self) -> Iterator[ThreadPoolExecutor]:
        # A model that draws random numbers draws them from its process's one generator: without a crew its
        # programs take turns.
        workers = 1 if self.task.draws and self.crew is None else self.workers
        keep_freed_memory()
        before = torch.get_num_threads()
        torch.set_num_threads(max(1, self.workers // workers))
        pool = ThreadPoolExecutor(
            workers, initializer=torch.set_num_threads, initargs=(max(1, self.workers // workers),)
        )
        try:
            yield pool
        except BaseException:
            self.stop.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)
            if self.crew is not None and not self.stop.is_set():
                self.crew.forget()

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self.crew is not None:
            self.crew.close()


class _Cohort:
    """The state of a cohort in training. Slots hold the candidates of one program on one repeat."""

    def __init__(
        self,
        trainer: Trainer,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        splits: dict[Repeat, Split],
        *,
        final: bool,
    ) -> None:
        self._trainer, self._candidates, self._repeats = trainer, list(candidates), list(repeats)
        self._final = final
        pieces = max(1, math.ceil(len(candidates) / trainer.width()))
        # As many programs as occupy every worker to the end, none having less to do than another.
        rounds = math.ceil(len(repeats) * pieces / trainer.workers)
        pieces = min(len(candidates), math.ceil(rounds * trainer.workers / len(repeats)))
        edges = [round(i * len(candidates) / pieces) for i in range(pieces + 1)]
        self._slots = [
            _Slot(
                list(range(low, high)),
                repeat,
                Job(trainer.task, splits[repeat], candidates[low:high], repeat, trainer.seed, trainer.stop),
            )
            for repeat in repeats
            for low, high in pairwise(edges)
        ]
        self._scores: list[dict[Repeat, float]] = [{} for _ in candidates]
        self._rungs: list[list[tuple[int, float]]] = [[] for _ in candidates]
        self._ended: dict[int, Outcome] = {}
        self._work = 0

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Make every program: in the crew's processes, dealt out in turn, or here."""
        engine, crew = self._trainer.engine, self._trainer.crew

        def make(number: int, slot: _Slot) -> Program:
            if crew is None:
                return ENGINES[engine](slot.job)
            return crew.program(number, engine, slot.job.candidates, slot.repeat, self._final)

        made = pool.map(make, range(len(self._slots)), self._slots)
        for slot, program in zip(self._slots, made, strict=True):
            slot.program = program

    def advance(self, pool: ThreadPoolExecutor, epochs: int, watch: Watch) -> None:
        """Train every program for so many epochs; `watch` is told the epochs times members done in all."""
        edges = [round(i * epochs / LOOKS) for i in range(LOOKS + 1)]
        for some in (high - low for low, high in pairwise(edges) if high > low):
            trained = pool.map(lambda slot, e=some: slot.running.train(e), self._slots)
            for slot, _ in zip(self._slots, trained, strict=True):
                self._work += len(slot.candidates) * some
                watch(self._work)

    def outputs(self, pool: ThreadPoolExecutor) -> Tensor:
        """Every member's outputs on the held-out part, (candidates, repeats, N, ...)."""
        found = _all(pool, lambda slot: slot.running.outputs(), self._slots)
        by_repeat = [
            torch.cat([o for o, s in zip(found, self._slots, strict=True) if s.repeat == r])
            for r in self._repeats
        ]
        return torch.stack(by_repeat, 1)

    def score(self, pool: ThreadPoolExecutor, epoch: int) -> None:
        """Score every member; end the candidates of which a repeat diverged."""
        results = _all(pool, lambda slot: _score(self._trainer.task, slot), self._slots)
        faults: dict[int, str] = {}
        for slot, (scores, reasons) in zip(self._slots, results, strict=True):
            for place, candidate in enumerate(slot.candidates):
                reason = reasons.get(place)
                self._scores[candidate][slot.repeat] = math.nan if reason else scores[place]
                if reason and candidate not in faults:
                    faults[candidate] = f"{reason}, seed {slot.repeat.seed}, fold {slot.repeat.fold}"
        for candidate, reason in faults.items():
            self._ended[candidate] = self._outcome(candidate, "diverged", epoch, reason)
        self._drop(set(faults))

    def thin(self, keep: float, epoch: int) -> None:
        """Keep the best share of those that are left."""
        sign = self._trainer.task.measure.sign
        alive = [c for c in range(len(self._candidates)) if c not in self._ended]
        means = {c: math.fsum(self._scores[c].values()) / len(self._repeats) for c in alive}
        for candidate, mean in means.items():
            self._rungs[candidate].append((epoch, mean))
        ranked = sorted(alive, key=lambda c: (-sign * means[c], c))
        for candidate in (
            ranked[max(1, math.ceil(len(self._candidates) * keep ** len(self._rungs[ranked[0]]))) :]
            if ranked
            else []
        ):
            self._ended[candidate] = self._outcome(candidate, "pruned", epoch, None)
        self._drop(set(self._ended))

    def outcomes(self, epoch: int) -> list[Outcome]:
        """What came of every candidate, in their order."""
        for candidate in range(len(self._candidates)):
            if candidate not in self._ended:
                self._ended[candidate] = self._outcome(candidate, "complete", epoch, None)
        return [self._ended[candidate] for candidate in range(len(self._candidates))]

    def _outcome(self, candidate: int, state: str, epoch: int, reason: str | None) -> Outcome:
        scores = tuple(self._scores[candidate][repeat] for repeat in self._repeats)
        return Outcome(state, scores, epoch, tuple(self._rungs[candidate]), reason)  # type: ignore[arg-type]

    def _drop(self, gone: set[int]) -> None:
        for slot in self._slots:
            places = [place for place, candidate in enumerate(slot.candidates) if candidate not in gone]
            if places and len(places) < len(slot.candidates):
                slot.running.keep(places)
            slot.candidates = [slot.candidates[place] for place in places]
        self._slots = [slot for slot in self._slots if slot.candidates]


@dataclass(eq=False)
class _Slot:
    candidates: list[int]
    repeat: Repeat
    job: Job
    program: Program | None = None

    @property
    def running(self) -> Program:
        assert self.program is not None
        return self.program


def _score(task: Task, slot: _Slot) -> tuple[list[float], dict[int, str]]:
    """The metric of every member, and what is wrong with those that diverged."""
    targets = slot.job.split.held[1]
    outputs = slot.running.outputs()
    reasons = slot.running.faults()
    wide = outputs.reshape(*outputs.shape[:2], -1)  # outputs may be (members, N) alone
    finite = wide.isfinite().flatten(1).all(1)
    spread = (wide.amax(1) - wide.amin(1)).amax(1)
    for place in range(len(slot.candidates)):
        if place not in reasons and not finite[place]:
            reasons[place] = "nan in the outputs"
        elif place not in reasons and spread[place] == 0 and len(targets) > 1:
            reasons[place] = "collapse: the same output for every sample"
    return task.measure(torch.nan_to_num(outputs), targets).tolist(), reasons


def program_maker(task: Task, folds: int, seed: int) -> Callable[..., Program]:
    """What a crew makes programs with: it looks the data of a repeat up once and keeps it."""

    @lru_cache(maxsize=64)
    def split(repeat: Repeat, final: bool) -> Split:  # noqa: FBT001  (a key, not an option)
        return final_split(task) if final else split_for(task, repeat, folds, seed)

    def make(engine: str, candidates: Sequence[Candidate], repeat: Repeat, final: bool) -> Program:  # noqa: FBT001
        return ENGINES[engine](Job(task, split(repeat, final), candidates, repeat, seed))

    return make


def _all(pool: ThreadPoolExecutor, work: Callable[[_Slot], T], slots: Sequence[_Slot]) -> list[T]:
    return list(pool.map(work, slots))
