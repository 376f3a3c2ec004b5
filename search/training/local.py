"""On this machine: in worker processes, one a core."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event

from ..records import EngineChoice, Plan
from ..tasks.task import Task
from .cohort_trainer import Trainer
from .engines.autotune import choose_engine
from .engines.device import Hardware
from .engines.precision import check_model
from .engines.registry import engine_named
from .scored_program import program_maker
from .workers.process_pool import ProcessPool, can_fork


def local(
    task: Task,
    plan: Plan,
    engine: str = "auto",
    note: Callable[[str], None] = lambda _: None,
    choice: EngineChoice | None = None,
    hardware: Hardware | None = None,
) -> Trainer:
    """A runner on this machine's cores; close it when the search has ended.

    Args:
        task: The task.
        plan: The search's plan, of which the folds and the seed are read.
        engine: The engine's name; with "auto" it is measured.
        note: Called with a line that the user should read: why the loop engine is taken, and when memory is
            short.
        choice: The engine that was chosen before, so that a search which is resumed goes on as it began;
            `engine` is then not read.
        hardware: The device and precision; None for the CPU.
    """
    on = hardware or Hardware()
    check_model(task.build(0), task.name, on.precision)
    if choice is None:
        choice = choice_for(task, engine, note, on)
    # A GPU takes one program at a time, from this process: workers are forked, which CUDA does not survive.
    stop, cores = Event(), len(os.sched_getaffinity(0)) if on.device.type == "cpu" else 1
    make = program_maker(task, choice.engine, plan.folds, plan.seed, on)
    pool = ProcessPool(cores, make, stop) if cores > 1 and can_fork() else None
    return Trainer(
        task,
        folds=plan.folds,
        seed=plan.seed,
        engine=choice.engine,
        stop=stop,
        pool=pool,
        choice=choice,
        workers=cores,
        hardware=on,
        note=note,
    )


def choice_for(
    task: Task,
    engine: str,
    note: Callable[[str], None] = lambda _: None,
    hardware: Hardware | None = None,
) -> EngineChoice:
    """What a SPEC's word for the engine comes to on this machine.

    Args:
        task: The task.
        engine: The engine's name; with "auto" it is measured.
        note: Called with a line where that is an engine that does not stack.
        hardware: The device and precision; None for the CPU.
    """
    choice = choose_engine(task, engine, len(os.sched_getaffinity(0)), hardware)
    if engine == "auto" and not engine_named(choice.engine).stacks:
        note(f"engine {choice.engine}: {choice.why}")
    return choice
