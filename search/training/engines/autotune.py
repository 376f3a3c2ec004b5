"""Which engine trains a model: measured, for stacking wins by far or loses, and looking does not tell.

A small multilayer perceptron is many times faster stacked; a convolutional network on a CPU may be faster one
model to a core. A few steps of each engine tell, in a second or so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ....losses.errors import UserError
from ...memory import keep_freed_memory
from ...records import EngineChoice
from ...tasks.task import Task
from .device import Hardware
from .engine import Engine
from .registry import ENGINES, engine_named
from .stackable import trial_job

MEASURED_S = 0.15  # of each
LONGEST_S = 0.4  # a width whose step is expected to take longer is not tried


@dataclass(frozen=True)
class _Speed:
    """What was measured of an engine: seconds for a step of one member, at its best width."""

    engine: Engine
    width: int
    seconds: float

    def __str__(self) -> str:
        """What is said of the first; for the others the unit is known."""
        return f"{self.seconds * 1e3:.3g} ms {self.engine.described.format(width=self.width)}"


_known: dict[tuple[object, ...], EngineChoice] = {}


def choose_engine(
    task: Task, name: str = "auto", workers: int = 1, hardware: Hardware | None = None
) -> EngineChoice:
    """Choose the engine for a task's models.

    What was measured is remembered for this process, by the model's structure, the batch, the hardware and
    the number of workers.

    Args:
        task: The task whose model is trained.
        name: An engine's name, or auto, which measures those that can train the model.
        workers: The number of programs in parallel.
        hardware: Where the models are trained, and so where they are measured; None for the CPU.

    Raises:
        UserError: No engine has this name, or the engine that is asked for cannot train the model.
    """
    on = hardware or Hardware()
    if name != "auto":
        return _asked(engine_named(name), task, workers, on)
    obstacles = {engine: engine.obstacle(task, on) for engine in ENGINES.values()}
    possible = sorted(
        (e for e, why in obstacles.items() if why is None), key=lambda engine: not engine.stacks
    )
    widths = {engine.name: tuple(engine.widths(task, workers, on)) for engine in possible}
    if len(possible) == 1:
        only = possible[0]
        why = "; ".join(
            f"this model cannot be stacked: {words}" if e.stacks else f"engine {e.name}: {words}"
            for e, words in obstacles.items()
            if words is not None
        )
        return EngineChoice(only.name, widths[only.name][-1], why, stackable=only.stacks)
    settings = task.settings
    shape = (tuple(task.train[0].shape[1:]), settings.batch_size, settings.optimizer)
    key = (str(task.build(0)), *shape, workers, str(on.device), on.precision, tuple(widths.items()))
    if key not in _known:
        _known[key] = _measured(task, possible, widths, on)
    return _known[key]


def usable_engine(task: Task) -> str:
    """The name of an engine that can train the task's model on the CPU, one that stacks if any does."""
    usable = (engine for engine in ENGINES.values() if engine.obstacle(task, Hardware()) is None)
    return min(usable, key=lambda engine: not engine.stacks).name


def _asked(engine: Engine, task: Task, workers: int, hardware: Hardware) -> EngineChoice:
    obstacle = engine.obstacle(task, hardware)
    if obstacle is not None:
        raise UserError(
            f"engine {engine.name} must be able to train the model of {task.name}, but cannot ({obstacle}); "
            "use engine auto or loop"
        )
    return EngineChoice(engine.name, engine.widths(task, workers, hardware)[-1], "as asked")


def _measured(
    task: Task, engines: Sequence[Engine], widths: Mapping[str, Sequence[int]], hardware: Hardware
) -> EngineChoice:
    """The fastest of the engines, on one thread as the workers do it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()
    sure = [(engine, why) for engine in engines if (why := engine.surely(task)) is not None]
    try:
        wanted = [sure[0][0]] if sure else engines
        found = [_best_width(engine, task, widths[engine.name], hardware) for engine in wanted]
    finally:
        torch.set_num_threads(before)
    best = min(found, key=lambda speed: speed.seconds * (speed.engine.advantage if len(found) > 1 else 1.0))
    first, *others = (str(speed) for speed in found)
    figures = ", ".join([first.replace(" ms ", " ms a model and step ", 1), *others])
    why = sure[0][1] if sure else figures
    stackable = any(engine.stacks for engine in engines)
    return EngineChoice(best.engine.name, best.width, why, 1 / best.seconds, stackable)


def _best_width(engine: Engine, task: Task, widths: Sequence[int], hardware: Hardware) -> _Speed:
    """The width at which a member's step takes least; wide ones are not tried where narrow ones are slow."""
    found: dict[int, float] = {}
    for width in widths:
        if found and width * min(found.values()) > LONGEST_S:
            break
        found[width] = _step_s(engine, task, width, hardware) / width
    best = min(found, key=lambda width: found[width])
    return _Speed(engine, best, found[best])


def _step_s(engine: Engine, task: Task, width: int, hardware: Hardware) -> float:
    """Seconds of a training step on a full batch: the shortest of several.

    On the CPU, of this thread's time on the processor: on a busy machine a long step is interrupted and a
    short one is not, and the clock on the wall would speak for the engine with the short ones.
    """
    program = engine.program(trial_job(task, width, hardware))
    shortest, spent = float("inf"), 0.0
    while spent < MEASURED_S:
        started = _clock(hardware)
        program.train(1)
        seconds = _clock(hardware) - started
        shortest, spent = min(shortest, seconds), spent + seconds
    return shortest


def _clock(hardware: Hardware) -> float:
    if hardware.device.type != "cuda":
        return time.thread_time()
    torch.cuda.synchronize(hardware.device)  # a step has ended when the device is done
    return time.perf_counter()
