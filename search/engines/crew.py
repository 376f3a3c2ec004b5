"""Worker processes, one a core, that hold programs and train them.

Threads would do if torch's operations were long; those of a small model are so short that two threads spend
a quarter of their time handing the interpreter's lock to each other. The workers are forked, so that they
have the task as it is, with whatever function builds its model. They are forked before anything else starts
a thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Event
from typing import Any

import torch
from torch import Tensor

from ...losses.errors import UserError
from ..their_code import in_their_code
from .memory import out_of_memory
from .program import Program, Stopped

POLL_S = 0.1  # how often a call looks whether the search is being stopped


def can_fork() -> bool:
    """Whether workers can be forked here: on Linux, and while no accelerator is in use."""
    return sys.platform == "linux" and not torch.cuda.is_initialized() and threading.active_count() == 1


class WorkerError(RuntimeError):
    """A worker failed or died; the message says how."""


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    lock: threading.Lock = field(default_factory=threading.Lock)


class Crew:
    """`size` processes that make programs with `make` and run their methods.

    A crew belongs to one search: `stop` ends every call with `Stopped`, `close` ends the processes.
    """

    def __init__(self, size: int, make: Callable[..., Program], stop: Event) -> None:
        self._stop, self._numbers = stop, count()
        self._workers: list[_Worker] = []
        fork = multiprocessing.get_context("fork")
        for _ in range(size):
            ours, theirs = fork.Pipe()
            # A child must not hold its siblings' pipes: it would not see them close when the parent dies.
            inherited = [ours, *(worker.pipe for worker in self._workers)]
            process = fork.Process(target=_work, args=(theirs, inherited, make), daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))

    @property
    def pids(self) -> list[int]:
        """The process of each worker."""
        return [worker.process.pid or 0 for worker in self._workers]

    def program(self, worker: int, *arguments: object) -> Program:
        """A program made from these arguments in worker number `worker` (modulo the crew's size)."""
        chosen, number = self._workers[worker % len(self._workers)], next(self._numbers)
        self._call(chosen, number, "make", arguments)
        return _Remote(lambda method, *given: self._call(chosen, number, method, given))

    def forget(self) -> None:
        """Drop every program that was made."""
        for worker in self._workers:
            self._call(worker, -1, "forget", ())

    def _call(self, worker: _Worker, number: int, method: str, arguments: tuple[object, ...]) -> Any:
        with worker.lock:
            try:
                self._go_on()
                worker.pipe.send((number, method, arguments))
                while not worker.pipe.poll(POLL_S):
                    self._go_on()
                ok, result = worker.pipe.recv()
            except (EOFError, OSError) as error:
                if self._stop.is_set():
                    raise Stopped from error
                worker.process.join(1)
                code = worker.process.exitcode
                raise WorkerError(
                    f"a worker process died (exit status {code}); -9 often means out of memory"
                ) from error
        if not ok:
            short, text = result
            if isinstance(text, UserError):
                raise text
            raise MemoryError(text) if short else WorkerError(text)
        return result

    def _go_on(self) -> None:
        if self._stop.is_set():
            self.close()
            raise Stopped

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()


@dataclass(frozen=True, eq=False)
class _Remote(Program):
    """A program that lives in a worker."""

    call: Callable[..., Any]

    def train(self, epochs: int) -> None:
        self.call("train", epochs)

    def outputs(self, inputs: Tensor | None = None) -> Tensor:
        return torch.from_numpy(self.call("outputs", inputs))

    def parameters(self, member: int) -> dict[str, Tensor]:
        return {name: torch.from_numpy(value) for name, value in self.call("parameters", member).items()}

    def faults(self) -> dict[int, str]:
        found: dict[int, str] = self.call("faults")
        return found

    def keep(self, members: Sequence[int]) -> None:
        self.call("keep", list(members))


def _work(pipe: Connection, inherited: Sequence[Connection], make: Callable[..., Program]) -> None:
    """What a worker does until its parent closes the pipe or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    for connection in inherited:
        connection.close()
    torch.set_num_threads(1)
    programs: dict[int, Program] = {}
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
            else:
                with in_their_code(f"the model failed in a worker, in {method}"):
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
