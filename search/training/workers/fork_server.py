"""A process from which workers are forked, the first ones and those that take a dead one's place.

Forking is safe in a process with one thread. The search's own has many by the time a worker is killed, as the
kernel does with the largest one when memory is short; this one has a single thread for as long as it lives.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path

_VICTIM = "500"  # of -1000 to 1000: before anything else of this size on the machine
Serve = Callable[[Connection], None]


class ForkServer:
    """Forks processes that `serve` the other end of a pipe each; make it before any thread is started."""

    def __init__(self, serve: Serve) -> None:
        self._lock = threading.Lock()
        fork = multiprocessing.get_context("fork")
        self._orders, theirs = fork.Pipe()
        self._process = fork.Process(target=_obey, args=(theirs, self._orders, serve), daemon=True)
        self._process.start()
        theirs.close()

    def fork(self) -> tuple[int, Connection]:
        """A new process: its number, and our end of its pipe. Raises `OSError` when there can be none."""
        ours, theirs = multiprocessing.Pipe()
        with self._lock, theirs:
            self._orders.send("fork")
            send_handle(self._orders, theirs.fileno(), self._process.pid)
            return int(self._orders.recv()), ours

    def ended(self, pid: int) -> int:
        """Kill a process if it lives; its exit status, negative for the signal that ended it."""
        with self._lock:
            self._orders.send(pid)
            return int(self._orders.recv())

    def close(self) -> None:
        """End it; its processes see their pipes close."""
        with self._lock:
            self._orders.close()
        self._process.kill()
        self._process.join()


def _obey(orders: Connection, inherited: Connection, serve: Serve) -> None:
    """What the process does until the search's own closes its pipe or dies."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the search's process decides
    inherited.close()
    while True:
        try:
            order = orders.recv()
            if order != "fork":
                orders.send(_ended(order))
                continue
            pipe = Connection(recv_handle(orders))
            pid = os.fork()
            if not pid:
                orders.close()
                with suppress(OSError):  # a system without it chooses for itself
                    Path("/proc/self/oom_score_adj").write_text(_VICTIM, encoding="ascii")
                serve(pipe)
                os._exit(0)
            pipe.close()
            orders.send(pid)
        except (EOFError, OSError):
            os._exit(0)


def _ended(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
