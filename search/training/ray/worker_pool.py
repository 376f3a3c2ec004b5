"""A crew whose workers are seats of Ray Tune, wherever a cluster has room for them."""

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
from ....losses.family.registry import own_parts, register
from ...records.trial import Candidate
from ..program import RemoteProgram, Stopped, WorkerError
from .cluster import check, connect, room
from .pending import PendingWork, Piece
from .remote_program import Make, Remote, TooLargeError, WorkItem, WorkResult
from .resources import Resources

POLL_S = 0.2
TRIES = 8  # how often a piece may be lost with the node of its worker, or in silence
KILLS = 2  # how many workers a piece may kill whose nodes live on
KILLS_ALONE = 4  # the same for a piece that is one model
DEAD_SEATS = 12  # so many seats in a row that never began to work are no accident


class RayWorkerPool:
    """Workers of Ray Tune on a cluster: makes programs that live wherever there is room.

    `prepare` is called once by every worker and returns what programs are made with there. It travels by
    value, with what the user's task file defines; what that file imports must be installed on the workers.
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
        self._pieces = PendingWork()
        self._lock, self._closed, self._dead = threading.Lock(), False, 0
        self._started = connect()
        check(resources)
        self._open(prepare)

    def size(self) -> int:
        return room(self._resources)

    def program(self, worker: int, *arguments: object) -> RemoteProgram:
        """A program made from these arguments, by whoever is free."""
        del worker
        places = [i for i, value in enumerate(arguments) if _candidates(value)]
        return Remote(self._submit, arguments, places[0] if places else None)

    def forget(self) -> None:
        """Programs are remembered by those who use them."""

    def close(self) -> None:
        """Send the seats home and end what was started for them."""
        import ray

        with self._lock:
            if self._closed:
                return
            self._closed = True
        if ray.is_initialized():
            self._desk.close.remote()
            self._tuner.join(timeout=10)
            ray.kill(self._desk)
        self._collector.join(timeout=5)
        self._pieces.fail(Stopped())
        if self._started:
            ray.shutdown()

    # Work and results

    def _submit(self, work: WorkItem) -> WorkResult:
        import ray

        members = _members(work)
        if work.state is None and self.holds is not None and members > max(1, self.holds):
            raise TooLargeError(f"{members} models are more than a worker has held")
        piece = self._pieces.add(ray.put(work), KILLS if members > 1 else KILLS_ALONE)
        self._put(piece)
        while True:
            if self._stop.is_set() or self._closed:
                self._pieces.pop(piece.number)
                self._desk.drop.remote([piece.number])
                raise Stopped
            try:
                return piece.future.result(POLL_S)
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

    def _asked(self, method: Any, *given: object) -> Any:
        """What the desk answers, asked again where Ray killed it for the memory of its node."""
        import ray

        while True:
            try:
                return ray.get(method.remote(*given))
            except ray.exceptions.OutOfMemoryError:
                if self._closed or self._stop.wait(POLL_S):
                    raise

    def _collect(self) -> None:
        """Takes results from the desk to whoever waits for them; in a thread of its own."""
        desk = None
        while not self._closed:
            try:
                found, trouble, born = self._asked(self._desk.collect)
            except Exception as error:  # noqa: BLE001  (the desk is gone, or Ray is)
                if not self._closed:
                    self._pieces.fail(WorkerError(f"the Ray cluster is gone: {one_line(error)}"))
                return
            if desk not in (None, born):
                # Ray killed the desk with a seat, for memory, and started it again with nothing on it.
                for piece in self._pieces.again():
                    self._put(piece)
            desk = born
            if trouble:
                self._pieces.fail(
                    UserError(
                        f"the cluster's workers cannot make the task: {trouble}; install what they lack"
                    )
                )
            for number, ok, result in found:
                self._told(number, ok, result)

    def _told(self, number: int, ok: bool, result: Any) -> None:  # noqa: FBT001  (as the desk tells it)
        """Hand a result to whoever waits for it."""
        from .tune_workers import fault, read

        future = self._pieces.pop(number)
        if future is None:
            return
        if ok:
            future.set_result(read(result))
        else:
            future.set_exception(fault(str(result)))

    def _put(self, piece: Piece) -> None:
        self._desk.put.remote(piece.number, [piece.reference], piece.kills)

    # Seats

    def _open(self, prepare: Callable[[], Make]) -> None:
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from . import lease_queue as desk
        from . import queue_actor as desk_actor
        from .tune_workers import WorkerDeathCallback, WorkerSearcher

        for module in (desk, desk_actor):  # by value, so that the desk's process need not import torch
            cloudpickle.register_pickle_by_value(module)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(desk_actor.QueueActor)
        again = {"max_restarts": -1, "max_task_retries": -1}
        self._desk: Any = actor.options(num_cpus=0, scheduling_strategy=here, **again).remote(
            self._resources.lease_s, TRIES
        )
        made = ray.put(partial(_prepared, prepare, own_parts()))
        handed = {"desk": self._desk, "make": [made], "threads": max(1, int(self._resources.cpus))}
        searcher, watchman = WorkerSearcher(self._wanted), WorkerDeathCallback(self._lost)
        self._tuner = threading.Thread(
            target=self._tune, args=(searcher, watchman, handed), name="lossmith-tune", daemon=True
        )
        self._collector = threading.Thread(target=self._collect, name="lossmith-desk", daemon=True)
        self._tuner.start()
        self._collector.start()

    def _tune(self, searcher: Any, watchman: Any, handed: dict[str, Any]) -> None:
        from .tune_workers import run_seats

        with tempfile.TemporaryDirectory(prefix="lossmith-tune-", ignore_cleanup_errors=True) as directory:
            try:
                run_seats(searcher, watchman, self._resources.for_ray(), directory, **handed)
            except BaseException as error:  # noqa: BLE001  (whoever waits for a piece is told)
                self._pieces.fail(WorkerError(f"Ray Tune ended: {' '.join(str(error).split())[-300:]}"))

    def _wanted(self) -> int | None:
        if self._closed or self._stop.is_set():
            return None
        pieces = len(self._pieces)
        return min(self.size(), pieces) if pieces else 0

    def _lost(self, seat: str, words: str, alone: bool) -> None:  # noqa: FBT001  (as the desk is told)
        taken = self._asked(self._desk.lost, seat, words, alone)
        self._dead = 0 if taken else self._dead + 1
        if self._dead >= DEAD_SEATS:
            self._pieces.fail(WorkerError(f"the workers of the cluster cannot be started: {words}"))


def _prepared(prepare: Callable[[], Make], own: tuple[Part, ...]) -> Make:
    """In a worker: the user's own losses are part of the family there too."""
    for part in own:
        register(part)
    return prepare()


def _members(work: WorkItem) -> int:
    """How many models a piece trains; a loop of the user's own trains one."""
    return max((len(value) for value in work.arguments if _candidates(value)), default=1)


def _candidates(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Candidate)
