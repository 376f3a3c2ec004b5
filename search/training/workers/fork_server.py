"""A process from which workers are forked, the first ones and those that take a dead one's place.

Forking is safe in a process with one thread. The search's own has many by the time a worker is killed, as the
kernel does with the largest one when memory is short; this one has a single thread for as long as it lives.

Nothing is left behind when the search's process is killed: the kernel kills the fork server with it, and the
workers with the fork server, whatever they are in the middle of.
"""

from __future__ import annotations

import ctypes
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
_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent ends
Serve = Callable[[Connection], None]


class ForkServer:
    """Forks processes; make it before any thread is started.

    Args:
        serve: Called in each process with its end of a pipe; the process ends when it returns.
    """

    def __init__(self, serve: Serve) -> None:
        self._lock = threading.Lock()
        fork = multiprocessing.get_context("fork")
        self._orders, orders = fork.Pipe()
        given = (orders, self._orders, serve, os.getpid())
        self._process = fork.Process(target=_obey, args=given, daemon=True)
        self._process.start()
        orders.close()

    def fork(self) -> tuple[int, Connection]:
        """Fork a process; return its number and its pipe. Raises `OSError` where there is none."""
        near, far = multiprocessing.Pipe()
        with self._lock, far:
            self._orders.send("fork")
            send_handle(self._orders, far.fileno(), self._process.pid)
            return int(self._orders.recv()), near

    def ended(self, pid: int) -> int:
        """Kill the process `pid` if it lives; return its exit status, negative for a signal that ended it."""
        with self._lock:
            self._orders.send(pid)
            return int(self._orders.recv())

    def close(self) -> None:
        """End it; its processes see their pipes close."""
        with self._lock:
            self._orders.close()
        self._process.kill()
        self._process.join()


def _obey(orders: Connection, inherited: Connection, serve: Serve, parent: int) -> None:
    """What the process does until the search's own closes its pipe or dies."""
    _end_with(parent)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the search's process decides
    inherited.close()
    own = os.getpid()
    while True:
        try:
            order = orders.recv()
            if order != "fork":
                orders.send(_ended(order))
                continue
            pipe = Connection(recv_handle(orders))
            pid = os.fork()
            if not pid:
                _end_with(own)
                orders.close()
                with suppress(OSError):  # a system without it chooses for itself
                    Path("/proc/self/oom_score_adj").write_text(_VICTIM, encoding="ascii")
                serve(pipe)
                os._exit(0)
            pipe.close()
            orders.send(pid)
        except (EOFError, OSError):
            os._exit(0)


def _end_with(parent: int) -> None:
    """Have this process killed the moment its parent ends; end now where that has happened already."""
    with suppress(AttributeError, OSError):  # a system without it: the pipe tells, when somebody reads it
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _ended(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
