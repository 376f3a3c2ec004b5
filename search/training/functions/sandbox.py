"""What surrounds a user's function while it trains: random streams, output, arguments, its process."""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

_CPU = torch.device("cpu")
_SET_BY_IMPORTS = (
    "TORCHINDUCTOR_",
    "TRITON_",
    "KMP_",
)  # variables that torch and scikit-learn set themselves


_SET_BEFORE = frozenset(os.environ)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _environment() -> dict[str, str]:
    kept = _SET_BEFORE
    return {n: value for n, value in os.environ.items() if n in kept or not n.startswith(_SET_BY_IMPORTS)}


def _put_back_signals(handlers: dict[str, Any]) -> None:
    for one in _SIGNALS:
        with suppress(
            ValueError, TypeError
        ):  # outside the main thread nobody sets one, or it is not Python's
            signal.signal(one, handlers[one.name])


def _put_back_logging(before: tuple[int, int, list[logging.Handler]]) -> None:
    level, disabled, handlers = before
    logging.root.setLevel(level)
    logging.disable(disabled)
    logging.root.handlers[:] = handlers  # each would print every later line once more


def _put_back(environment: dict[str, str]) -> None:
    for name in _environment().keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _told(name: str, before: Any, now: Any) -> str:
    """A setting that was changed, with the keys where it is a mapping."""
    if not isinstance(before, dict):
        return name
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return f"{name} ({', '.join(keys)})"


# What a function may leave changed in its process: what it is called, how it is read, how it is put back.
_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch's grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's default device": (
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device == _CPU else device),
    ),
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "torch's deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "torch's anomaly detection": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch's precision of products": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "NumPy's floating-point errors": (np.geterr, lambda before: np.seterr(**before)),
    "Python's recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "multiprocessing's start method": (
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda before: multiprocessing.set_start_method(before, force=True),
    ),
    "signal handlers": (
        lambda: {one.name: signal.getsignal(one) for one in _SIGNALS},
        _put_back_signals,
    ),
    "the root logger": (
        lambda: (logging.root.level, logging.root.manager.disable, list(logging.root.handlers)),
        _put_back_logging,
    ),
    "the environment": (_environment, _put_back),
    "the working directory": (os.getcwd, os.chdir),
    "sys.argv": (lambda: list(sys.argv), lambda before: sys.argv.__setitem__(slice(None), before)),
}


@dataclass
class Traces:
    """What a function left behind.

    Args:
        changes: The settings that it left changed, as a sentence names them.
        errors: What it wrote to standard error.
    """

    changes: list[str] = field(default_factory=list)
    errors: io.StringIO = field(default_factory=io.StringIO)

    @property
    def last_line(self) -> str:
        """The last line that the function wrote to standard error; empty where there is none."""
        lines = [line.strip() for line in self.errors.getvalue().splitlines() if line.strip()]
        return lines[-1] if lines else ""


@contextmanager
def sandbox(seed: int, program: str) -> Iterator[Traces]:
    """Run a function as a script of its own: seeded, silent, without arguments; put back whatever it changes.

    Args:
        seed: Of the random streams of torch, NumPy and Python, which continue afterwards as if nothing had
            been drawn.
        program: What `sys.argv` names as the program; there are no other arguments, for lossmith's own are
            not the function's.

    Yields:
        What the function left behind, complete once the sandbox has ended.
    """
    traces = Traces()
    arguments = list(sys.argv)
    sys.argv[:] = [program]
    before = {name: read() for name, (read, _) in _SETTINGS.items()}
    try:
        # Filters of warnings are put back without a word: imports add some.
        with warnings.catch_warnings(), _seeded(seed), _silent(traces.errors):
            yield traces
            if torch.initial_seed() != seed:
                traces.changes.append("torch's seed")
    finally:
        for name, (read, put_back) in _SETTINGS.items():
            now = None
            with suppress(OSError):  # the working directory was removed: it has changed
                now = read()
            if now != before[name]:
                put_back(before[name])
                traces.changes.append(_told(name, before[name], now))
        sys.argv[:] = arguments


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
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
def _silent(errors: io.StringIO) -> Iterator[None]:
    """Within it nothing is printed, by child processes and C code neither: a search trains a thousand times.

    Standard error itself is left alone in the search's own process, whose progress is shown there.
    """
    streams = (1, 2) if multiprocessing.parent_process() is not None else (1,)
    kept = {}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in streams:
            with suppress(OSError):  # it is closed, and stays so
                kept[stream] = os.dup(stream)
                os.dup2(nowhere, stream)
        with redirect_stdout(io.StringIO()), redirect_stderr(errors):
            yield
    finally:
        for real in (sys.__stdout__, sys.__stderr__):
            if real is not None:
                with suppress(OSError, ValueError):
                    real.flush()  # what a handler made before has written is not printed either
        for stream, copy in kept.items():
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nowhere)


def allow_children() -> None:
    """Let this worker process start processes of its own, as data loaders do; daemons may not."""
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # noqa: SLF001
