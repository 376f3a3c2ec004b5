"""A pool of workers on a Ray cluster, placed by Ray Tune wherever there is room for them."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from threading import Event
from typing import Any

from ....losses.declarations import Part
from ....losses.errors import UserError, one_line
from ....losses.family import own_parts, register
from ..program import RemoteProgram, Stopped, WorkerError
from .cluster import connect, wait_for_node, workers_that_fit
from .pending import PendingItem, PendingWork
from .remote_program import Make, ReplayedProgram, TooLargeError, WorkItem, WorkResult, candidates_of
from .resources import Resources

POLL_S = 0.2
TRIES = 8  # how often a work item may be lost with the node of its worker, or in silence
KILLS = 2  # how many workers an item may kill whose nodes live on
KILLS_ALONE = 4  # the same for an item that is one model
DEAD_WORKERS = 12  # so many workers in a row that never took an item are no accident


class RayWorkerPool:
    """A `WorkerPool` on a Ray cluster: its programs live wherever there is room.

    Args:
        prepare: Called once by every worker; returns what programs are made with there. It travels by value,
            with what the user's task file defines; what that file imports must be installed on the workers.
        resources: What each worker is given.
        stop: Ends every call with `Stopped` once it is set.
        note: Called with each line that the user should read.

    Raises:
        UserError: The cluster cannot be joined, or has no node that could hold a worker.
    """

    joinable = False  # a program may be halved, which one of several repeats cannot be

    def __init__(
        self,
        prepare: Callable[[], Make],
        resources: Resources,
        stop: Event,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._stop, self._resources, self._note = stop, resources, note
        self.holds: int | None = None  # members of a program, once one was too large for the memory
        self._pending = PendingWork()
        self._lock, self._closed, self._dead = threading.Lock(), False, 0
        self._started = connect()
        wait_for_node(resources, note)
        self._open(prepare)

    def size(self) -> int:
        """Count the workers that fit into the cluster as it is now."""
        return workers_that_fit(self._resources)

    def program(self, worker: int, *arguments: object) -> RemoteProgram:
        """A program made from `arguments` in the next worker that is free, whatever `worker` says."""
        del worker
        return ReplayedProgram(self._submit, arguments)

    def forget(self) -> None:
        """Nothing: the workers keep no program."""

    def close(self) -> None:
        """End the workers and what was started for them."""
        import ray

        with self._lock:
            if self._closed:
                return
            self._closed = True
        if ray.is_initialized():
            self._queue.close.remote()
            self._tuner.join(timeout=10)
            ray.kill(self._queue)
        self._collector.join(timeout=5)
        self._pending.fail(Stopped())
        if self._started:
            ray.shutdown()

    # Work and results

    def _submit(self, work: WorkItem) -> WorkResult:
        import ray

        members = max(1, len(candidates_of(work.arguments)))  # a training function trains one model
        if work.state is None and self.holds is not None and members > max(1, self.holds):
            raise TooLargeError(f"{members} models are more than a worker has held")
        item = self._pending.add(ray.put(work), KILLS if members > 1 else KILLS_ALONE)
        self._put(item)
        while True:
            if self._stop.is_set() or self._closed:
                self._pending.pop(item.number)
                self._queue.drop.remote([item.number])
                raise Stopped
            try:
                return item.future.result(POLL_S)
            except NotYet:
                continue
            except TooLargeError as error:
                self._narrow(members, error)
                raise

    def _narrow(self, members: int, error: TooLargeError) -> None:
        with self._lock:
            half = members // 2
            if not half or (self.holds is not None and self.holds <= half):
                return
            self.holds = half
        self._note(f"memory is short ({error}): at most {half} models to a program from here on")

    def _answer(self, method: Any, *given: object) -> Any:
        """Call a method of the queue's actor, again where Ray killed the actor for the memory of its node."""
        import ray

        while True:
            try:
                return ray.get(method.remote(*given))
            except ray.exceptions.OutOfMemoryError:
                if self._closed or self._stop.wait(POLL_S):
                    raise

    def _collect(self) -> None:
        """Hand results from the queue to the threads that wait for them; runs in a thread of its own."""
        known = None
        while not self._closed:
            try:
                found, trouble, born = self._answer(self._queue.collect)
            except Exception as error:  # noqa: BLE001  (the queue's actor is gone, or Ray is)
                if not self._closed:
                    self._pending.fail(WorkerError(f"the Ray cluster is gone: {one_line(error)}"))
                return
            if known not in (None, born):
                # Ray killed the actor with a worker, for memory, and started it again with an empty queue.
                for item in self._pending.after_a_kill():
                    self._put(item)
            known = born
            if trouble:
                self._pending.fail(
                    UserError(
                        f"the cluster's workers cannot make the task: {trouble}; install what they lack"
                    )
                )
            for number, ok, result in found:
                self._settle(number, ok, result)

    def _settle(self, number: int, ok: bool, result: Any) -> None:  # noqa: FBT001  (as the queue tells it)
        """Give an item's future its result or its error."""
        from .tune_workers import fault, read

        future = self._pending.pop(number)
        if future is None:
            return
        if ok:
            future.set_result(read(result))
        else:
            future.set_exception(fault(str(result)))

    def _put(self, item: PendingItem) -> None:
        self._queue.put.remote(item.number, [item.reference], item.kills)

    # Workers

    def _open(self, prepare: Callable[[], Make]) -> None:
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from . import lease_queue, queue_actor
        from .tune_workers import WorkerDeathCallback, WorkerSearcher

        for module in (lease_queue, queue_actor):  # by value: the actor's process need not import torch
            cloudpickle.register_pickle_by_value(module)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(queue_actor.QueueActor)
        again = {"max_restarts": -1, "max_task_retries": -1}
        self._queue: Any = actor.options(num_cpus=0, scheduling_strategy=here, **again).remote(
            self._resources.lease_s, TRIES
        )
        made = ray.put(partial(_prepared, prepare, own_parts()))
        handed = {"queue": self._queue, "make": [made], "threads": max(1, int(self._resources.cpus))}
        searcher, deaths = WorkerSearcher(self._wanted), WorkerDeathCallback(self._lost)
        self._tuner = threading.Thread(
            target=self._tune, args=(searcher, deaths, handed), name="lossmith-tune", daemon=True
        )
        self._collector = threading.Thread(target=self._collect, name="lossmith-queue", daemon=True)
        self._tuner.start()
        self._collector.start()

    def _tune(self, searcher: Any, deaths: Any, handed: dict[str, Any]) -> None:
        from .tune_workers import run_workers

        with tempfile.TemporaryDirectory(prefix="lossmith-tune-", ignore_cleanup_errors=True) as directory:
            try:
                run_workers(searcher, deaths, self._resources.for_ray(), directory, **handed)
            except BaseException as error:  # noqa: BLE001  (the threads that wait for items are told)
                self._pending.fail(WorkerError(f"Ray Tune ended: {' '.join(str(error).split())[-300:]}"))

    def _wanted(self) -> int | None:
        if self._closed or self._stop.is_set():
            return None
        items = len(self._pending)
        return min(self.size(), items) if items else 0

    def _lost(self, worker: str, words: str, killed: bool) -> None:  # noqa: FBT001  (as the queue is told)
        taken = self._answer(self._queue.lost, worker, words, killed)
        self._dead = 0 if taken else self._dead + 1
        if self._dead >= DEAD_WORKERS:
            self._pending.fail(WorkerError(f"the workers of the cluster cannot be started: {words}"))


def _prepared(prepare: Callable[[], Make], own: tuple[Part, ...]) -> Make:
    """In a worker: the user's own losses are part of the family there too."""
    for part in own:
        register(part)
    return prepare()
