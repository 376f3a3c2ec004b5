"""Training one cohort: programs side by side, rungs, outcomes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from threading import Event
from typing import TypeVar

import torch

from ...losses.errors import UserError, one_line
from ..memory import keep_freed_memory, out_of_memory
from ..records import Candidate, EngineChoice, Measurement, Repeat, RungSchedule, Tested, Watch, unwatched
from ..tasks.splits import split_for
from ..tasks.task import Task
from .bracket import Bracket
from .cohort_run import Capacity, CohortRun
from .engines.device import Hardware
from .engines.registry import engine_named
from .engines.stackable import usual_width
from .partition import partition
from .program import CohortProgram, WorkerPool
from .scored_program import MakeProgram, program_maker

T = TypeVar("T")


@dataclass(eq=False)
class Trainer:
    """Trains cohorts of a task: which engine, how many programs in parallel, which random streams.

    Each program runs on one core: small tensors gain nothing from more threads to an operation.

    Args:
        task: The data, the model and the metric.
        folds: The number of folds of the training part; ignored where the task has a validation part.
        seed: What every random stream is keyed by.
        engine: The name of the engine.
        workers: How many programs run at a time in threads of this process, where there is no `pool`.
        stop: Set to end the training; `train` and `test` then raise `Stopped`.
        pool: The processes that hold the programs; None for threads of this one.
        choice: Why this engine, and how many members a program holds; where memory is short of that, half
            as many.
        hardware: The device and precision of the programs; None where the pool's workers have their own.
        note: Called with one line when memory is short.
    """

    task: Task
    folds: int = 0
    seed: int = 0
    engine: str = "cohort"
    workers: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    stop: Event = field(default_factory=Event)
    pool: WorkerPool | None = None
    choice: EngineChoice | None = None
    hardware: Hardware | None = field(default_factory=Hardware)
    note: Callable[[str], None] = lambda _: None
    _most: int | None = field(
        default=None, init=False, repr=False
    )  # members a program may have, once memory was short
    _widest: int = field(default=0, init=False, repr=False)  # members of the largest program made last

    def width(self) -> int:
        """How many members one program holds."""
        if self._most is not None:
            return self._most
        if self.choice is not None and self._stacks:
            wanted = self.choice.width
        else:
            wanted = usual_width(self.task.model_parameters, self.parallel, self.hardware)
        held = None if self.pool is None else self.pool.holds
        return wanted if held is None else min(wanted, held)

    @property
    def _stacks(self) -> bool:
        return engine_named(self.engine).stacks

    @property
    def parallel(self) -> int:
        """How many programs run at a time."""
        return self.workers if self.pool is None else self.pool.size()

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None = None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """Train every candidate on every repeat and score it on the held-out part, as `Runner.train`.

        At a rung the candidates with the worst mean metric are dropped, and so are those of which a repeat
        diverged. Raises `Stopped` when `stop` is set.
        """
        return self._within_memory(
            lambda: self._train(candidates, repeats, rungs or RungSchedule(), watch, n_resamples)
        )

    def _train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule,
        watch: Watch,
        n_resamples: int,
    ) -> list[Measurement]:
        epochs, done = candidates[0].recipe.epochs, 0
        bracket = Bracket(len(candidates), repeats, self.task.measure.sign)
        planned = rungs.work(len(candidates), epochs) * len(repeats)
        with self._programs(candidates, repeats, final=False) as programs:
            for mark in (*rungs.epochs, epochs):
                programs.advance(mark - done, lambda work: watch(work / planned))
                done = mark
                bracket.record(programs.scores(0 if done < epochs else n_resamples), done)
                programs.drop(bracket.ended)
                if mark in rungs.epochs:
                    bracket.thin(rungs, done)
                    programs.drop(bracket.ended)
        return bracket.outcomes(done)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """Train on the whole training part; scores and outputs on the test part.

        A refit that diverged counts as one whose outputs are zero where they are not numbers.
        """
        return self._within_memory(lambda: self._test(candidates, repeats, watch))

    def _test(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch) -> Tested:
        epochs, targets = candidates[0].recipe.epochs, self.task.test[1]
        size = len(candidates), len(repeats)
        with self._programs(candidates, repeats, final=True) as programs:
            programs.advance(epochs, lambda work: watch(work / (math.prod(size) * epochs)))
            outputs = torch.nan_to_num(programs.outputs())
        weights = None if self.task.sample_weight is None else self.task.sample_weight["test"]
        scores = self.task.measure.weighted(weights)(outputs, targets)
        return Tested(scores.view(size), outputs.unflatten(0, size), targets, weights=weights)

    def _within_memory(self, work: Callable[[], T]) -> T:
        """What comes of `work`; where memory runs out, of doing it again with programs of half the width."""
        while True:
            width = self.width()
            try:
                return work()
            except Exception as error:
                half = min(width, self._widest or width) // 2
                if not out_of_memory(error):
                    raise
                if not half:
                    raise UserError(
                        f"task {self.task.name}: one model must fit into the memory that is free, but "
                        f"training it alone ended in: {one_line(error)}; make model or batches smaller"
                    ) from error
                self._most = half
                self.note(
                    f"memory is short ({one_line(error)}): at most {half} models to a program from here on"
                )

    @contextmanager
    def _programs(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], *, final: bool
    ) -> Iterator[CohortRun]:
        def make(number: int, some: dict[int, Candidate], on: tuple[Repeat, ...]) -> CohortProgram:
            if self.pool is not None:
                return self.pool.program(number, some, on, final)
            return self._make(some, on, final)

        # A model that draws random numbers draws them from its process's one generator, a repeat at a time.
        joinable = self.pool is None or self.pool.joinable
        alone = not self._stacks or self.task.is_stochastic or not joinable

        def key(repeat: Repeat) -> Hashable:
            if alone:
                return repeat
            return None if final else self._sizes(repeat.fold, repeat.partition)

        shards = partition(len(candidates), list(map(key, repeats)), self.parallel, self.width())
        self._widest = max((shard.high - shard.low) * len(shard.repeats) for shard in shards)
        capacity = Capacity(self.parallel, self.width() if joinable and self._stacks else 0)
        with self._one_thread_each() as threads:
            yield CohortRun(candidates, repeats, shards, threads, make, capacity)

    @cached_property
    def _make(self) -> MakeProgram:
        return program_maker(self.task, self.engine, self.folds, self.seed, self.hardware, self.stop)

    @cached_property
    def _sizes(self) -> Callable[[int, int], tuple[int, int]]:
        """The number of samples that a fold of a partition trains on, and of those it holds out."""

        @lru_cache(maxsize=256)
        def sizes(fold: int, partition: int) -> tuple[int, int]:
            split = split_for(self.task, Repeat(0, fold, partition), self.folds, self.seed)
            return len(split.train[1]), len(split.held[1])

        return sizes

    @contextmanager
    def _one_thread_each(self) -> Iterator[ThreadPoolExecutor]:
        # A model that draws random numbers draws them from its process's one generator: without a pool its
        # programs take turns.
        parallel = self.parallel
        workers = 1 if self.task.is_stochastic and self.pool is None else parallel
        threads = max(1, parallel // workers)
        keep_freed_memory()
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,))
        try:
            yield pool
        except BaseException as error:
            if not out_of_memory(error):
                self.stop.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(before)
            if self.pool is not None and not self.stop.is_set():
                self.pool.forget()

    def close(self) -> None:
        """End the worker processes, if there are any."""
        if self.pool is not None:
            self.pool.close()
