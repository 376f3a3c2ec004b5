"""Nothing goes on without the process that a search runs in: its workers are killed with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from lossmith.search.training.workers.process_pool import can_fork

GONE_MS = 10_000  # far longer than a kernel takes to end a process; a worker would train for hours

# Workers that are busy for hours, in Python and in a call of the system; each says so before it begins.
DRIVER = """
import os, sys, threading, time
from lossmith.search.training.workers.process_pool import ProcessPool

read, write = os.pipe()

class Held:
    def spin(self):
        os.write(write, b"x")
        while True:
            pass

    def sleep(self):
        os.write(write, b"x")
        time.sleep(100_000)

pool = ProcessPool(2, Held, threading.Event())
programs = [pool.program(0), pool.program(1)]
pids = [worker.pid for worker in pool._workers] + [pool._server._process.pid]
for program, what in zip(programs, ("spin", "sleep")):
    threading.Thread(target=program.call, args=(what,), daemon=True).start()
os.read(read, 1), os.read(read, 1)
print(*pids, flush=True)
threading.Event().wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(not can_fork() or not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("victim", ["driver", "fork server"])
def test_workers_end_with_their_parent(victim: str) -> None:
    """Whichever of them is killed with SIGKILL, every process below it is gone, busy or not."""
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        *workers, server = map(int, driver.stdout.readline().split())
        watched = [os.pidfd_open(pid) for pid in (*workers, server)]
        try:
            os.kill(driver.pid if victim == "driver" else server, signal.SIGKILL)
            for descriptor in watched:
                assert select.select([descriptor], [], [], GONE_MS / 1000)[0], "a process outlived its parent"
        finally:
            for descriptor in watched:
                os.close(descriptor)
            driver.kill()
