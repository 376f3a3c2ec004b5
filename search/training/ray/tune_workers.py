"""Workers on a Ray cluster, placed and replaced by Ray Tune.

A Tune trial is a worker: an actor with the resources of the SPEC that executes work items, one a step.
Measured on two cores, starting an actor takes two to eight seconds (it imports torch) and a step of one that
runs five milliseconds, so a worker outlasts the pauses in which a cohort is ranked. It ends when it has been
idle or when its turn is over, so that several searches share a cluster; Tune's searcher then asks for the
next. Tune restarts a worker whose node died, elsewhere if need be.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import ray
from ray import cloudpickle, tune
from ray.air.execution._internal import RayActorManager
from ray.tune.execution import tune_controller
from ray.tune.search import Searcher

from ....losses.errors import UserError
from ...memory import out_of_memory
from ..program import Stopped, WorkerError
from .remote_program import TooLargeError, WorkItem, WorkResult, execute

IDLE_S = 10.0  # how long a worker waits for the next item before another search may have its place
TURN_S = (
    30.0  # after this long a worker makes room for another search; while none waits, it is reused at once
)
TOO_LARGE, USER_ERROR = "too large", "user error"  # how the message of a failure begins
LOW_ON_MEMORY = "the node is low on memory"
RENEW_S = 1.0  # how often the lease of an item in training is renewed

# Tune's own files and tables are of no use here: the store is the truth.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1000000000")
os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", "4096")
os.environ.setdefault("TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S", "1000000000")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")


class TuneWorker(tune.Trainable):
    """A worker as Tune runs it: a step executes one work item, or finds that there is none."""

    def setup(self, config: dict[str, Any], queue: Any = None, make: Any = None, threads: int = 1) -> None:
        """Take what every worker is handed; nothing here can fail, so that a step tells what is wrong.

        Args:
            config: Tune's, not read.
            queue: The actor of the lease queue.
            make: A list of one reference, to a function that returns what programs are made with.
            threads: How many threads an operation of torch may use.
        """
        self._queue, self._make_ref, self._threads = queue, make, threads
        self._make: Callable[..., Any] | None = None
        self._token = os.urandom(8).hex()
        self._start()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin the next turn in the same process."""
        del new_config
        self._start()
        return True

    def _start(self) -> None:
        self._began = self._busy_at = time.monotonic()

    def step(self) -> dict[str, Any]:
        """Execute the next work item, if there is one; done when the queue is closed or the turn is over."""
        me = ray.get_runtime_context().current_actor
        word, found = ray.get(self._queue.take.remote(self.trial_id, self._token, me))
        now = time.monotonic()
        if word == "item":
            self._work(*found)
            self._busy_at = now = time.monotonic()
        over = now - self._began > TURN_S or now - self._busy_at > IDLE_S
        return {"done": word == "end" or over}

    def _work(self, number: int, payload: list[Any]) -> None:
        try:
            made = self._prepared()
        except Exception as error:  # noqa: BLE001  (the user's code, or what it imports)
            ray.get(self._queue.trouble.remote(_brief(error)))
            return
        try:
            work: WorkItem = ray.get(payload[0])
            done = execute(work, made, self._renewer(number))
            result = cloudpickle.dumps(done)
            told = self._queue.finish.remote(number, self.trial_id, self._token, True, result)  # noqa: FBT003  (an actor's call)
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001  (the driver waits for the item and is told)
            told = self._queue.finish.remote(number, self.trial_id, self._token, False, _words(error))  # noqa: FBT003  (an actor's call)
        ray.get(told)

    def _prepared(self) -> Callable[..., Any]:
        if self._make is None:
            import torch

            torch.set_num_threads(self._threads)
            self._make = ray.get(self._make_ref[0])()
        assert self._make is not None
        return self._make

    def _renewer(self, number: int) -> Callable[[], None]:
        """A function that renews the item's lease each second and raises `Stopped` once the item is lost."""
        renewed_at, answer = time.monotonic(), None

        def renew() -> None:
            nonlocal renewed_at, answer
            now = time.monotonic()
            if now - renewed_at < RENEW_S:
                return
            if answer is not None:
                ready, _ = ray.wait([answer], timeout=0)
                if ready and not ray.get(ready[0]):
                    raise Stopped
            renewed_at, answer = now, self._queue.renew.remote(number, self.trial_id, self._token)

        return renew

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing: what an item needs is in the item."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing: a checkpoint is empty."""


class WorkerSearcher(Searcher):
    """Asks Tune for as many workers as there is work for and room in the cluster.

    Args:
        wanted: How many workers there should be now; None when the search is over.
    """

    def __init__(self, wanted: Callable[[], int | None]) -> None:
        super().__init__()
        self._wanted, self._open = wanted, set[str]()

    def __getstate__(self) -> dict[str, Any]:
        """Tune writes its parts down to resume from, which is the store's business."""
        return {}

    def suggest(self, trial_id: str) -> Any:
        """A worker's configuration, or None while enough are there; read by Tune alone."""
        wanted = self._wanted()
        if wanted is None:
            finished: str = Searcher.FINISHED
            return finished
        if len(self._open) >= wanted:
            return None
        self._open.add(trial_id)
        return {"worker": trial_id}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        """Note that a worker has ended.

        Args:
            trial_id: The worker.
            result: Not read.
            error: Not read.
        """
        del result, error
        self._open.discard(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Ignore a result: results go through the queue.

        Args:
            trial_id: Not read.
            result: Not read.
        """

    def save_to_dir(self, *_: Any, **__: Any) -> None:
        """Nothing is kept."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing is kept."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


class WorkerDeathCallback(tune.Callback):
    """Reports workers whose actor died, so that their items need not wait for a lease to run out.

    Args:
        lost: Called with the worker, what happened to it, and whether it was killed while its node lives.
    """

    def __init__(self, lost: Callable[[str, str, bool], None]) -> None:
        self._lost = lost

    def __getstate__(self) -> dict[str, Any]:
        """As with the searcher."""
        return {}

    def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
        """Report a worker that failed and is started again.

        Args:
            iteration: Not read.
            trials: Not read.
            trial: The worker, as Tune knows it.
        """
        self._lost(trial.trial_id, *_death(trial))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
        """Report a worker that failed for good.

        Args:
            iteration: Not read.
            trials: Not read.
            trial: The worker, as Tune knows it.
        """
        self._lost(trial.trial_id, *_death(trial))


class OomTolerantActorManager(RayActorManager):
    """Tune's own, which also bears that Ray's memory monitor kills an actor.

    Ray 2.60 tells that by an error which is no `RayActorError`, and Tune ends with "unexpected exception".
    """

    def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, ray.exceptions.OutOfMemoryError):
            exception = ray.exceptions.RayActorError(error_msg=f"{LOW_ON_MEMORY}: {exception}")
        super()._actor_task_failed(tracked_actor_task, exception)


tune_controller.RayActorManager = OomTolerantActorManager  # type: ignore[attr-defined]


def run_workers(
    searcher: WorkerSearcher,
    deaths: WorkerDeathCallback,
    resources: dict[str, float],
    directory: str,
    **handed: Any,
) -> None:
    """Run Tune until the searcher is finished.

    Args:
        searcher: Says how many workers there should be.
        deaths: Reports workers that died.
        resources: What each worker is given, as Ray names it.
        directory: Where Tune may write.
        handed: Arguments of `TuneWorker.setup`; they reach every worker through the object store.
    """
    tune.Tuner(
        tune.with_resources(tune.with_parameters(TuneWorker, **handed), resources),
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=-1, reuse_actors=True),
        run_config=tune.RunConfig(
            name="workers",
            storage_path=directory,
            verbose=0,
            callbacks=[deaths],
            failure_config=tune.FailureConfig(max_failures=-1),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()


def read(result: bytes) -> WorkResult:
    """Read what a worker wrote."""
    done: WorkResult = cloudpickle.loads(result)
    return done


def fault(words: str) -> UserError | WorkerError:
    """The error for what a worker, or the queue, said of an item that failed."""
    if words.startswith((TOO_LARGE, "lost")):
        return TooLargeError(f"a program was {words}")
    if words.startswith(f"{USER_ERROR}: "):
        return UserError(words.removeprefix(f"{USER_ERROR}: "))
    return WorkerError(words)


def _death(trial: Any) -> tuple[str, bool]:
    """What Tune wrote of a worker's end, and whether memory is the likeliest reason."""
    path: str = getattr(trial, "error_file", None) or ""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  (as Ray names it)
            text = file.read().rpartition("Failure #")[2]
    except OSError:
        return "no reason was given", False
    if LOW_ON_MEMORY in text:
        return "its node ran out of memory", True
    if "worker process has died" in text and "node has died" not in text:
        return "its process was killed, as systems do when memory is short", True
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "")[
        :300
    ], False


def _words(error: BaseException) -> str:
    """What went wrong, after what that means: the item was too large, or the user made a mistake."""
    if out_of_memory(error):
        return f"{TOO_LARGE}: {_brief(error)}"
    if isinstance(error, UserError):
        return f"{USER_ERROR}: {error}"
    return _brief(error)


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
