"""Where the trainings of a user's own function are executed: in this process, or in a crew's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event

from ....losses.errors import UserError
from ...tasks.functions.training_function import TrainingFunction
from ..program import RemoteProgram, Stopped, WorkerPool
from .job import FunctionJob, FunctionResult, run_training
from .sandbox import allow_children

Execute = Callable[[Sequence[FunctionJob]], Iterator[FunctionResult]]


def in_process(training: TrainingFunction, stop: Event) -> Execute:
    """One after another, here."""

    def execute(jobs: Sequence[FunctionJob]) -> Iterator[FunctionResult]:
        for job in jobs:
            if stop.is_set():
                raise Stopped
            yield run_training(training, job)

    return execute


def in_crew(crew: WorkerPool, size: int) -> Execute:
    """In the crew's processes: whoever is free takes the next.

    What a process is killed in the middle of, as systems do when memory is short, is trained again by
    another, and from then on there is one fewer; when the last is killed, `MemoryError` says so.
    """
    free: SimpleQueue[RemoteProgram] = SimpleQueue()
    for number in range(size):
        free.put(crew.program(number))
    spare = iter(range(size - 1))

    def run(job: FunctionJob) -> FunctionResult:
        worker = free.get()
        try:
            result = worker.call("run", job)
        except MemoryError:
            if next(spare, None) is not None:
                return run(job)
            free.put(worker)
            raise
        except BaseException:
            free.put(worker)
            raise
        free.put(worker)
        if isinstance(result, UserError):
            raise result
        assert isinstance(result, FunctionResult)
        return result

    def execute(jobs: Sequence[FunctionJob]) -> Iterator[FunctionResult]:
        pool = ThreadPoolExecutor(size)
        try:
            yield from pool.map(run, jobs)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return execute


class FunctionWorker:
    """What a worker process holds: the function."""

    def __init__(self, training: TrainingFunction) -> None:
        allow_children()
        self._training = training

    def run(self, job: FunctionJob) -> FunctionResult | UserError:
        """One training; a mistake of the user's travels as a value."""
        try:
            return run_training(self._training, job)
        except UserError as error:
            return UserError(str(error), error.detail)
