"""Training one cohort: programs side by side, rungs, outcomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

import torch

from ...losses.errors import one_line
from ..memory import keep_freed_memory, out_of_memory
from ..random_streams import generator
from ..records import Candidate, Measurement, Repeat, RungSchedule, Tested, Watch, unwatched
from ..statistics import resampled
from ..tasks.splits import Split, final_split, split_for
from ..tasks.task import Task
from .bracket import Bracket
from .cohort_run import Capacity, CohortRun, program_maker
from .engines.autotune import EngineChoice
from .engines.device import Hardware
from .engines.registry import engine_named
from .engines.stackable import usual_width
from .partition import layout
from .program import Job, Program, WorkerPool

__all__ = ["RungSchedule", "Trainer", "Watch", "program_maker", "unwatched"]

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
        """Train every candidate on every repeat and score it on the held-out part.

        At a rung the candidates with the worst mean metric are dropped, and so are those of which a
        repeat diverged. `watch` is told the share of the work that is done. With `n_resamples`, complete
        outcomes carry their mean score under that many resamplings of the held-out samples. Raises `Stopped`
        when `stop` is set.
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
        epochs = candidates[0].recipe.epochs
        splits = {r: split_for(self.task, r, self.folds, self.seed) for r in repeats}
        standing = Bracket(len(candidates), repeats, self.task.measure.sign)
        planned = rungs.work(len(candidates), epochs) * len(repeats)
        done = 0
        with self._programs(candidates, splits, final=False) as programs:
            for mark in (*rungs.epochs, epochs):
                programs.advance(mark - done, lambda work: watch(work / planned))
                done = mark
                standing.record(programs.scores(), done)
                programs.drop(standing.ended)
                if mark in rungs.epochs:
                    standing.thin(rungs, done)
                    programs.drop(standing.ended)
            if n_resamples:
                standing.resample(programs.resampled(self._taken(n_resamples)))
        return standing.outcomes(done)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """Train on the whole training part; scores and outputs on the test part.

        A refit that diverged counts as one whose outputs are zero where they are not numbers.
        """
        return self._within_memory(lambda: self._test(candidates, repeats, watch))

    def _test(self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch) -> Tested:
        split, epochs = final_split(self.task), candidates[0].recipe.epochs
        planned = len(candidates) * len(repeats) * epochs
        with self._programs(candidates, dict.fromkeys(repeats, split), final=True) as programs:
            programs.advance(epochs, lambda work: watch(work / planned))
            outputs = torch.nan_to_num(programs.outputs())
        targets = split.held[1]
        scores = self.task.measure(outputs.flatten(0, 1), targets)
        return Tested(scores.view(len(candidates), len(repeats)), outputs, targets)

    def _within_memory(self, work: Callable[[], T]) -> T:
        """What comes of `work`; where memory runs out, of doing it again with programs of half the width."""
        while True:
            width = self.width()
            try:
                return work()
            except Exception as error:
                half = min(width, self._widest or width) // 2
                if not out_of_memory(error) or not half:
                    raise
                self._most = half
                self.note(
                    f"memory is short ({one_line(error)}): at most {half} models to a program from here on"
                )

    def _taken(self, n_resamples: int) -> torch.Tensor:
        """How often each held-out sample counts in each resample, (n_resamples, N)."""
        held = self.task.train if self.task.validation is None else self.task.validation
        return resampled(n_resamples, len(held[1]), generator(self.seed, "held-out samples"))

    @contextmanager
    def _programs(
        self, candidates: Sequence[Candidate], splits: Mapping[Repeat, Split], *, final: bool
    ) -> Iterator[CohortRun]:
        def make(number: int, some: Sequence[Candidate], repeats: tuple[Repeat, ...]) -> Program:
            if self.pool is not None:
                return self.pool.program(number, self.engine, some, repeats, final)
            jobs = (
                Job(self.task, placed[r], some, r, self.seed, self.stop, on.device, on.precision)
                for r in repeats
            )
            return engine_named(self.engine).program(*jobs)

        on = self.hardware or Hardware()
        apart = {id(split): split for split in splits.values()} if self.pool is None else {}
        there = {key: on.placed(split, self.task) for key, split in apart.items()}
        placed = {repeat: there.get(id(split), split) for repeat, split in splits.items()}

        # What draws random numbers draws them from its process's one generator, a repeat at a time.
        shared = self.pool is None or self.pool.joinable
        alone = not self._stacks or self.task.is_stochastic or not shared
        alike = [r if alone else (len(split.train[1]), len(split.held[1])) for r, split in splits.items()]
        shares = layout(len(candidates), alike, self.parallel, self.width())
        self._widest = max((share.high - share.low) * len(share.repeats) for share in shares)
        with self._one_thread_each() as pool:
            members = self.width() if shared and self._stacks else 0
            yield CohortRun(
                self.task, candidates, splits, shares, pool, make, Capacity(self.parallel, members)
            )

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
