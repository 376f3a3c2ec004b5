"""Whether a model can be stacked, and how many members of it one program should hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ....losses import standard_specs
from ....losses.errors import one_line
from ...memory import room
from ...records import Candidate, Repeat
from ...tasks.splits import Split, final_split
from ...tasks.task import Task
from ..program import Job, Program
from .device import Hardware
from .loop import LoopProgram
from .stacked_mlp import is_mlp

CACHE_NUMBERS = 8_000_000  # members times parameters that one program may hold and be no slower on a CPU
MOST, LEAST = 256, 16
NARROW = (4, 16, 64)  # widths that a convolutional network may like better than the usual one
MOST_ON_GPU = 4096
COPIES = 6  # of a member's parameters: gradients, moments, a delta, what is passing through


def obstacle(program: Callable[..., Program], task: Task, hardware: Hardware) -> str | None:
    """Why the model cannot be trained by a stacking engine, or None. Tries a step of two members.

    Whatever goes wrong with the user's model then is a reason not to stack it; the loop engine will tell
    whether it is more than that. Where the model draws random numbers, the step must be that of a model
    alone: some layers draw anew for each of the stacked members.

    Args:
        program: Makes a program of a job.
        task: The task whose model is tried.
        hardware: Where it is tried.
    """
    try:
        made = program(trial_job(task, 2, hardware, final_split(task)))
        made.outputs(task.train[0][:2])
        drawn_alike = not task.is_stochastic or _same_step(program, task, hardware)
    except Exception as error:  # noqa: BLE001  (see above)
        return one_line(error, 160) or type(error).__name__
    return None if drawn_alike else "stacked, it draws other random numbers than alone"


def usual_width(parameters: int, workers: int, hardware: Hardware | None = None) -> int:
    """How many members a program may hold: what caches like and memory allows.

    Args:
        parameters: The number of parameters of one member.
        workers: The number of programs in parallel.
        hardware: Where they are trained; None for the CPU.
    """
    size = max(1, parameters)
    on_gpu = hardware is not None and hardware.device.type != "cpu"
    liked = MOST_ON_GPU if on_gpu else min(MOST, max(LEAST, CACHE_NUMBERS // size))
    free = hardware.room() if hardware is not None else room()
    return max(1, min(liked, free // (workers * size * 4 * COPIES)))


def widths(task: Task, workers: int, hardware: Hardware) -> Sequence[int]:
    """The numbers of members to a program that are worth measuring; the last is the usual one.

    Args:
        task: The task whose model is trained.
        workers: The number of programs in parallel.
        hardware: Where they are trained.
    """
    usual = usual_width(task.model_parameters, workers, hardware)
    narrow = () if is_mlp(task.build(0)) else NARROW
    return sorted({*(w for w in narrow if w < usual), usual})


def trial_job(task: Task, width: int, hardware: Hardware, split: Split | None = None) -> Job:
    """A job of standard losses that tells what a step does and takes.

    Args:
        task: The task whose model is trained.
        width: The number of candidates.
        hardware: Where they are trained.
        split: The data; None for the first batch of the training part.
    """
    specs = list(standard_specs(task.kind).values())
    members = [Candidate(specs[i % len(specs)], task.settings) for i in range(width)]
    placed = hardware.placed(split or _first_batch(task), task)
    return Job(task, placed, members, Repeat(0), 0, device=hardware.device, precision=hardware.precision)


def _first_batch(task: Task) -> Split:
    whole, rows = final_split(task), slice(0, task.settings.batch_size)
    return Split((whole.train[0][rows], whole.train[1][rows]), whole.held, whole.constants)


def _same_step(program: Callable[..., Program], task: Task, hardware: Hardware) -> bool:
    """Whether a plain step takes both of two stacked members where it takes the model alone."""
    plain = replace(task.settings, optimizer="sgd", momentum=0.0, nesterov=False, schedule="constant")
    job = trial_job(task, 1, hardware)
    twin = replace(job.candidates[0], recipe=plain)
    job = replace(job, candidates=[twin, twin])
    start = LoopProgram(job).parameters(0)
    programs = [program(job), LoopProgram(job)]
    for each in programs:
        each.train(1)
    one, other, alone = (
        torch.cat([(p.parameters(m)[name] - start[name]).flatten() for name in start])
        for p, m in ((programs[0], 0), (programs[0], 1), (programs[1], 0))
    )
    # Rounding is a thousandth of a step at most; other masks change it as a whole.
    return max(float((one - alone).norm()), float((other - alone).norm())) <= 0.01 * float(alone.norm())
