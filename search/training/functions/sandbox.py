"""What surrounds a user's function while it trains: random streams, its output, its rights."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import numpy as np
import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it torch, NumPy and Python draw from `seed` on; afterwards their streams are as before."""
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  (scripts use the global one)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def silent() -> Iterator[None]:
    """Within it nothing is printed: a search calls a training function a thousand times."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def allow_children() -> None:
    """Let this worker process start processes of its own, as data loaders do; daemons may not."""
    import multiprocessing

    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # noqa: SLF001
