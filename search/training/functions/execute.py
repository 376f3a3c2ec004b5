"""Where the trainings of a user's function are executed: in this process, or in the workers of a pool."""

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

Ended = Callable[[FunctionJob, FunctionResult], None]  # is called as each training ends, by any thread
Execute = Callable[[Sequence[FunctionJob], Ended], Iterator[FunctionResult]]


def in_process(training: TrainingFunction, stop: Event) -> Execute:
    """Execute trainings one after another in this process.

    Args:
        training: The training function.
        stop: Ends the trainings once it is set.
    """

    def execute(jobs: Sequence[FunctionJob], ended: Ended) -> Iterator[FunctionResult]:
        for job in jobs:
            if stop.is_set():
                raise Stopped
            result = run_training(training, job)
            ended(job, result)
            yield result

    return execute


def in_workers(pool: WorkerPool, size: int, stop: Event) -> Execute:
    """Execute trainings in the workers of a pool, each in the next worker that is free.

    A training whose worker is killed, as systems do when memory is short, is executed again by another
    worker, and from then on there is one worker fewer; when the last is killed, `MemoryError` says so.

    Args:
        pool: Makes a `FunctionWorker` in each worker.
        size: How many workers to use.
        stop: Ends the trainings once it is set; set here when one of them ends the search.
    """
    free: SimpleQueue[RemoteProgram] = SimpleQueue()
    for number in range(size):
        free.put(pool.program(number))
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

    def execute(jobs: Sequence[FunctionJob], ended: Ended) -> Iterator[FunctionResult]:
        def run_and_tell(job: FunctionJob) -> FunctionResult:
            result = run(job)
            ended(job, result)
            return result

        return _in_threads(run_and_tell, jobs, size, stop)

    return execute


def _in_threads(
    run: Callable[[FunctionJob], FunctionResult], jobs: Sequence[FunctionJob], size: int, stop: Event
) -> Iterator[FunctionResult]:
    threads = ThreadPoolExecutor(size)
    try:
        yield from threads.map(run, jobs)
    except GeneratorExit:
        raise
    except BaseException:
        stop.set()  # or the trainings that run would be waited for
        raise
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


class FunctionWorker:
    """What a worker process holds: the training function."""

    def __init__(self, training: TrainingFunction) -> None:
        allow_children()
        self._training = training

    def run(self, job: FunctionJob) -> FunctionResult | UserError:
        """Execute one training; a `UserError` is returned, for raised it would lose its detail on the way."""
        try:
            return run_training(self._training, job)
        except UserError as error:
            return UserError(str(error), error.detail)
