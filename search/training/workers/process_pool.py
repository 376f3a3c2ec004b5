"""Worker processes, one a core, that hold programs and train them.

Threads would do if torch's operations were long; those of a small model are so short that two threads spend
a quarter of their time handing the interpreter's lock to each other. The workers are forked, so that they
have the task as it is, with whatever function builds its model. What they are forked from is there before
anything else starts a thread, so that one which the system kills can be replaced.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from threading import Event
from typing import Any, Self

import torch
from torch import Tensor

from ....losses.custom import in_user_code
from ....losses.errors import UserError
from ...memory import out_of_memory
from ...records import Member
from ..bracket import Scored
from ..program import RemoteProgram, Stopped, WorkerError, WorkerPool
from .fork_server import ForkServer

POLL_S = 0.1  # how often a call looks whether the search is being stopped


def can_fork() -> bool:
    """Whether workers can be forked here: on Linux, and while no accelerator is in use."""
    return sys.platform == "linux" and not torch.cuda.is_initialized() and threading.active_count() == 1


@dataclass(eq=False)
class _Worker:
    pid: int
    pipe: Connection
    generation: int = 0  # how many processes have held this slot before
    lock: threading.Lock = field(default_factory=threading.Lock)


class ProcessPool(WorkerPool):
    """Worker processes on this machine.

    A worker that was killed is replaced, and its programs are gone: a call to one of them raises
    `MemoryError`, for that is why systems kill.

    Args:
        size: The number of processes.
        make: Called in a worker with the arguments of `program`; returns the program.
        stop: Ends every call with `Stopped` once it is set.
    """

    joinable = True
    holds: int | None = None

    def __init__(self, size: int, make: Callable[..., Any], stop: Event) -> None:
        self._stop, self._numbers = stop, count()
        self._server, self._lock, self._closed = ForkServer(partial(_work, make)), threading.Lock(), False
        self._workers = [_Worker(*self._server.fork()) for _ in range(size)]

    def size(self) -> int:
        return len(self._workers)

    def program(self, worker: int, *arguments: object) -> RemoteProgram:
        chosen, number = self._workers[worker % len(self._workers)], next(self._numbers)
        generation = chosen.generation
        self._call(chosen, generation, number, "make", arguments)
        return _Remote(lambda method, *given: self._call(chosen, generation, number, method, given), number)

    def forget(self) -> None:
        for worker in self._workers:
            with suppress(MemoryError):  # it was killed, and who took its place has nothing to forget
                self._call(worker, worker.generation, -1, "forget", ())

    def _call(
        self, worker: _Worker, generation: int, number: int, method: str, arguments: tuple[object, ...]
    ) -> Any:
        with worker.lock:
            if generation != worker.generation:
                raise MemoryError("the worker process of this program was killed")
            try:
                self._go_on()
                worker.pipe.send((number, method, arguments))
                while not worker.pipe.poll(POLL_S):
                    self._go_on()
                ok, result = worker.pipe.recv()
            except (EOFError, OSError) as error:
                if self._stop.is_set():
                    raise Stopped from error
                raise self._replaced(worker) from error
        if not ok:
            short, text = result
            if short:
                raise MemoryError(str(text))
            raise text if isinstance(text, UserError) else WorkerError(text)
        return result

    def _replaced(self, worker: _Worker) -> Exception:
        """Put a new process in a dead one's place; what is to be said of the dead one."""
        with self._lock:
            if self._closed:
                return Stopped()
            try:
                status = self._server.ended(worker.pid)
                worker.pipe.close()
                worker.pid, worker.pipe = self._server.fork()
            except (EOFError, OSError) as error:
                return WorkerError(f"a worker process died and cannot be replaced: {error}")
            worker.generation += 1
        if status == -signal.SIGKILL:
            return MemoryError("a worker process was killed, as systems do when memory is short")
        return WorkerError(f"a worker process died (exit status {status})")

    def _go_on(self) -> None:
        if self._stop.is_set():
            self.close()
            raise Stopped

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with suppress(EOFError, OSError):  # the fork server was killed: its workers see their pipes close
                for worker in self._workers:
                    self._server.ended(worker.pid)
            self._server.close()
        for worker in self._workers:
            worker.pipe.close()


@dataclass(frozen=True, eq=False)
class _Remote(RemoteProgram):
    """A program that lives in a worker."""

    send: Callable[..., Any]
    number: int

    def call(self, method: str, *arguments: Any) -> Any:
        return self.send(method, *arguments)

    def train(self, epochs: int) -> None:
        self.call("train", epochs)

    def scores(self, n_resamples: int = 0) -> list[Scored]:
        found: list[Scored] = self.call("scores", n_resamples)
        return found

    def outputs(self) -> dict[Member, Tensor]:
        return {member: torch.from_numpy(value) for member, value in self.call("outputs").items()}

    def keep(self, candidates: Collection[int]) -> None:
        self.call("keep", list(candidates))

    def join(self, other: Self) -> None:
        self.call("join", other.number)


def _work(make: Callable[..., Any], pipe: Connection) -> None:
    """What a worker does until its search's process closes the pipe or dies."""
    torch.set_num_threads(1)
    programs: dict[int, Any] = {}
    while True:
        try:
            number, method, arguments = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            if method == "make":
                programs[number], result = make(*arguments), None
            elif method == "forget":
                programs.clear()
                result = None
            elif method == "join":
                programs[number].join(programs.pop(*arguments))
                result = None
            else:
                with in_user_code(f"the model failed in a worker, in {method}"):
                    result = _plain(getattr(programs[number], method)(*arguments))
            pipe.send((True, result))
        except Exception as error:  # noqa: BLE001  (whatever it is, the parent is told)
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
            pipe.send((False, (out_of_memory(error), error if isinstance(error, UserError) else text)))


def _plain(result: Any) -> Any:
    """Tensors as arrays, which travel by value."""
    if isinstance(result, Tensor):
        return result.numpy()
    if isinstance(result, dict):
        return {key: _plain(value) for key, value in result.items()}
    return result
