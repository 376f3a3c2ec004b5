"""On a Ray cluster: the same trainers as on one machine, over a crew whose workers are seats of Ray Tune."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from threading import Event
from typing import Any

from ...losses.errors import UserError
from ...losses.parts import Part
from ...losses.registry import own_parts, register
from ..cohort import Rungs, Trainer, Watch, program_maker, unwatched
from ..engines.choice import Choice
from ..engines.crew import Crew, WorkerError
from ..engines.program import Stopped
from ..own_training import OwnTraining
from ..plan import Plan
from ..task import Task
from ..trial import Candidate, Outcome, Repeat, Tested
from .local import choice_for
from .own import OwnTrainer, OwnWorker, in_crew
from .remote import Done, Make, Remote, TooLargeError, Work
from .resources import Resources

POLL_S = 0.2
TRIES = 8  # how often a piece may be lost with the node of its worker, or in silence
KILLS, KILLS_ALONE = (
    2,
    4,
)  # how many workers a piece may kill whose nodes live on; the latter if it is one model
DEAD_SEATS = 12  # so many seats in a row that never began to work are no accident


class RayCrew(Crew):
    """Seats on a Ray cluster, as a crew: makes programs that live wherever there is room.

    `prepare` is called once by every worker and returns what programs are made with there. It travels by
    value, with what the user's task file defines; what that file imports must be installed on the workers.
    """

    def __init__(
        self,
        prepare: Callable[[], Make],
        resources: Resources,
        stop: Event,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._stop, self._resources, self._note = stop, resources, note
        self.holds: int | None = None  # members of a program, once one was too large for the memory
        self._numbers, self._waiting = count(), dict[int, tuple[Future[Done], Any, int]]()
        self._lock, self._closed, self._dead = threading.Lock(), False, 0
        self._trouble: str | None = None
        self.rungs: frozenset[int] = frozenset()
        self._started = connect()
        self._check()
        self._open(prepare)

    @property
    def pids(self) -> list[int]:
        """None of this machine."""
        return []

    def seats(self) -> int:
        """How many pieces fit into the cluster as it is now."""
        import ray

        wanted = self._resources.for_ray()
        fits = (
            min(int(node["Resources"].get(name, 0) / need + 1e-9) for name, need in wanted.items() if need)
            for node in ray.nodes()
            if node["Alive"]
        )
        return max(1, sum(fits))

    def program(self, worker: int, *arguments: object) -> Any:
        """A program made from these arguments, by whoever is free."""
        del worker
        places = [i for i, value in enumerate(arguments) if _candidates(value)]
        return Remote(self._submit, arguments, places[0] if places else None, self.rungs)

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
        self._fail(Stopped())
        if self._started:
            ray.shutdown()

    # Work and results

    def _submit(self, work: Work) -> Done:
        import ray

        members = _members(work)
        if work.state is None and self.holds is not None and members > max(1, self.holds):
            raise TooLargeError(f"{members} models are more than a worker has held")
        number, future = next(self._numbers), Future[Done]()
        reference = ray.put(work)
        with self._lock:
            if self._trouble:
                raise WorkerError(self._trouble)
            kills = KILLS if members > 1 else KILLS_ALONE
            self._waiting[number] = (future, reference, kills)
        self._desk.put.remote(number, [reference], kills)
        while True:
            if self._stop.is_set() or self._closed:
                with self._lock:
                    self._waiting.pop(number, None)
                self._desk.drop.remote([number])
                raise Stopped
            try:
                return future.result(POLL_S)
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
                    self._fail(WorkerError(f"the Ray cluster is gone: {' '.join(str(error).split())[:200]}"))
                return
            if desk not in (None, born):
                self._put_again()
            desk = born
            if trouble:
                self._fail(
                    UserError(
                        f"the cluster's workers cannot make the task: {trouble}; install what they lack"
                    )
                )
            for piece in found:
                self._told(*piece)

    def _put_again(self) -> None:
        """Ray killed the desk with a seat, for memory, and started it again: it has forgotten the kills."""
        with self._lock:
            waiting = list(self._waiting.items())
            self._waiting = {n: (f, r, kills - 1) for n, (f, r, kills) in waiting if kills > 1}
        for number, (future, reference, kills) in waiting:
            if kills > 1:
                self._desk.put.remote(number, [reference], kills - 1)
            else:
                future.set_exception(TooLargeError("a program was lost when its node ran out of memory"))

    def _told(self, number: int, ok: bool, result: Any) -> None:  # noqa: FBT001  (as the desk tells it)
        """Hand a result to whoever waits for it."""
        from .seats import MISTAKE, TOO_LARGE, read

        with self._lock:
            future, *_ = self._waiting.pop(number, (None,))
        if future is None:
            return
        if ok:
            future.set_result(read(result))
        elif str(result).startswith((TOO_LARGE, "lost")):
            future.set_exception(TooLargeError(f"a program was {result}"))
        elif str(result).startswith(f"{MISTAKE}: "):
            future.set_exception(UserError(str(result).removeprefix(f"{MISTAKE}: ")))
        else:
            future.set_exception(WorkerError(str(result)))

    def _fail(self, error: Exception) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            if not isinstance(error, Stopped):
                self._trouble = str(error)
        for future, *_ in waiting.values():
            future.set_exception(error)

    # Seats

    def _open(self, prepare: Callable[[], Make]) -> None:
        import ray
        from ray import cloudpickle
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from . import desk, desk_actor
        from .seats import SeatSearcher, Watchman

        for module in (desk, desk_actor):  # by value, so that the desk's process need not import torch
            cloudpickle.register_pickle_by_value(module)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(desk_actor.DeskActor)
        again = {"max_restarts": -1, "max_task_retries": -1}
        self._desk: Any = actor.options(num_cpus=0, scheduling_strategy=here, **again).remote(
            self._resources.lease_s, TRIES
        )
        made = ray.put(partial(_prepared, prepare, own_parts()))
        handed = {"desk": self._desk, "make": [made], "threads": max(1, int(self._resources.cpus))}
        searcher, watchman = SeatSearcher(self._wanted), Watchman(self._lost)
        self._tuner = threading.Thread(
            target=self._tune, args=(searcher, watchman, handed), name="lossmith-tune", daemon=True
        )
        self._collector = threading.Thread(target=self._collect, name="lossmith-desk", daemon=True)
        self._tuner.start()
        self._collector.start()

    def _tune(self, searcher: Any, watchman: Any, handed: dict[str, Any]) -> None:
        from .seats import run_seats

        with tempfile.TemporaryDirectory(prefix="lossmith-tune-", ignore_cleanup_errors=True) as directory:
            try:
                run_seats(searcher, watchman, self._resources.for_ray(), directory, **handed)
            except BaseException as error:  # noqa: BLE001  (whoever waits for a piece is told)
                self._fail(WorkerError(f"Ray Tune ended: {' '.join(str(error).split())[-300:]}"))

    def _wanted(self) -> int | None:
        if self._closed or self._stop.is_set():
            return None
        with self._lock:
            pieces = len(self._waiting)
        return min(self.seats(), pieces) if pieces else 0

    def _lost(self, seat: str, words: str, alone: bool) -> None:  # noqa: FBT001  (as the desk is told)
        taken = self._asked(self._desk.lost, seat, words, alone)
        self._dead = 0 if taken else self._dead + 1
        if self._dead >= DEAD_SEATS:
            self._fail(WorkerError(f"the workers of the cluster cannot be started: {words}"))

    def _check(self) -> None:
        """Refuse a piece that no node of the cluster could ever hold."""
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        for name, key in (("CPU", "cpus"), ("GPU", "gpus")):
            most = max((resources.get(name, 0.0) for resources in nodes), default=0.0)
            need = self._resources.for_ray().get(name, 0.0)
            if need > most:
                raise UserError(
                    f"resources: {key} must be at most {most:g}, the most that a node of this cluster has, "
                    f"but got {need:g}; ask for less, or add a node"
                )


@dataclass(frozen=True, eq=False)
class RayTrainer:
    """A trainer over a Ray crew. It is dealt over as many seats as there are when a cohort begins."""

    trainer: Trainer
    crew: RayCrew

    @property
    def stop(self) -> Event:
        """Set to end the training."""
        return self.trainer.stop

    def __getattr__(self, name: str) -> Any:
        """What else is asked of a trainer, such as its engine."""
        return getattr(self.trainer, name)

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: Rungs | None = None,
        watch: Watch = unwatched,
        draws: int = 0,
    ) -> list[Outcome]:
        """As on one machine; at a rung every program's state is kept, for whoever goes on with it."""
        self.crew.rungs = frozenset(() if rungs is None else rungs.epochs)
        return self._now().train(candidates, repeats, rungs, watch, draws)

    def test(
        self, candidates: Sequence[Candidate], repeats: Sequence[Repeat], watch: Watch = unwatched
    ) -> Tested:
        """As on one machine."""
        self.crew.rungs = frozenset()
        return self._now().test(candidates, repeats, watch)

    def _now(self) -> Trainer:
        choice, holds = self.trainer.choice, self.crew.holds
        if choice is not None and holds is not None and choice.width > holds:
            choice = replace(choice, width=holds)
        return replace(self.trainer, workers=self.crew.seats(), choice=choice)

    def close(self) -> None:
        """End the seats."""
        self.crew.close()


def on_ray(
    task: Task,
    plan: Plan,
    engine: str = "auto",
    resources: Resources | None = None,
    note: Callable[[str], None] = lambda _: None,
    choice: Choice | None = None,
) -> RayTrainer:
    """A runner on the Ray cluster that RAY_ADDRESS names, or that this is a job of, or one started here.

    With `auto` the engine is measured on the driver's machine; a `choice` that was made before is followed.
    """
    if choice is None:
        choice = choice_for(task, engine, note)
    stop = Event()
    by_value()
    make = partial(program_maker, task, plan.folds, plan.seed)
    crew = RayCrew(make, resources or Resources(), stop, note)
    trainer = Trainer(
        task, folds=plan.folds, seed=plan.seed, engine=choice.engine, stop=stop, crew=crew, choice=choice
    )
    return RayTrainer(trainer, crew)


def own_on_ray(training: OwnTraining, plan: Plan, resources: Resources | None = None) -> OwnTrainer:
    """The same for a user's own training function: each training is a piece."""
    stop = Event()
    by_value()
    crew = RayCrew(partial(own_maker, training), resources or Resources(), stop)
    return OwnTrainer(training, in_crew(crew, crew.seats()), plan.folds, plan.seed, stop, crew)


def own_maker(training: OwnTraining) -> Make:
    """What a worker makes with the function: somebody who calls it."""
    return partial(OwnWorker, training)


def connect() -> bool:
    """Join a cluster, or start Ray here; whether this process began it. A `UserError` where that fails."""
    import ray

    from . import seats  # noqa: F401  (Tune reads its settings when it is imported first)

    if ray.is_initialized():
        return False
    try:
        ray.init(
            log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False if _alone() else None
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"cannot join the Ray cluster: {' '.join(str(error).split())[:300]}; check RAY_ADDRESS"
        ) from None
    return True


def by_value() -> None:
    """Have what the user's own files define travel with the task, for workers do not have these files."""
    import sys
    from pathlib import Path

    from ray import cloudpickle

    files = [
        Path(module.__file__)
        for name, module in sys.modules.items()
        if name.startswith(("lossmith_task_", "lossmith_own_")) and module.__file__
    ]
    folders = {file.resolve().parent for file in files}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name != "__main__" and Path(file).resolve().parent in folders:
            cloudpickle.register_pickle_by_value(module)


def _prepared(prepare: Callable[[], Make], own: tuple[Part, ...]) -> Make:
    """In a worker: the user's own losses are part of the family there too."""
    for part in own:
        register(part)
    return prepare()


def _alone() -> bool:
    return not os.environ.get("RAY_ADDRESS")


def _members(work: Work) -> int:
    """How many models a piece trains; a loop of the user's own trains one."""
    return max((len(value) for value in work.arguments if _candidates(value)), default=1)


def _candidates(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Candidate)
