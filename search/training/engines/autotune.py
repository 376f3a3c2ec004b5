"""Which engine trains a model: measured, for stacking wins by far or loses, and looking does not tell.

A small multilayer perceptron is many times faster stacked; a convolutional network on a CPU may be faster one
model to a core. A few steps of each tell, in a second or so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ....losses import standard_specs
from ....losses.errors import UserError, one_line
from ...memory import keep_freed_memory, room
from ...records.trial import Candidate, Repeat
from ...tasks.splits import Split, final_split
from ...tasks.task import Task
from ..program import Job, Program
from .loop import LoopProgram
from .stacked import StackedProgram
from .stacked_mlp import is_mlp

CACHE_NUMBERS = 8_000_000  # members times parameters that one program may hold and be no slower on a CPU
MOST, LEAST = 256, 16
NARROW = (4, 16, 64)  # widths that a convolutional network may like better than the usual one
MEASURED_S = 0.15  # of each
LONGEST_S = 0.4  # a width whose step is expected to take longer is not tried
ADVANTAGE = 1.1  # by which stacking must win: beside other programs, its memory is less near
COPIES = 6  # of a member's parameters: gradients, moments, a delta, what is passing through


@dataclass(frozen=True)
class EngineChoice:
    """An engine, how many members one of its programs holds, why, and how many one core steps in a second.

    `stackable` is False where the model cannot be stacked at all.
    """

    engine: str
    width: int
    why: str
    members_per_second: float | None = None
    stackable: bool = True

    def to_json(self) -> dict[str, Any]:
        """A plain document."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> EngineChoice:
        """The choice a document describes."""
        return cls(**document)

    def __str__(self) -> str:
        width = f", {self.width} members to a program" if self.engine == "cohort" else ""
        rate = self.members_per_second
        speed = "" if rate is None else f", {rate:,.0f} model steps a second on each core"
        return f"{self.engine}{width}{speed} ({self.why})"


_known: dict[tuple[object, ...], EngineChoice] = {}


def choose_engine(task: Task, engine: str = "auto", workers: int = 1) -> EngineChoice:
    """The engine for a task's models; `engine` is cohort, loop or auto, which measures.

    What was measured is remembered for this process, by the model's structure, the batch and the workers.
    Raises `UserError` where a model that cannot be stacked is asked to be.
    """
    if engine == "loop":
        return EngineChoice("loop", 1, "as asked")
    obstacle = cannot_stack(task)
    if obstacle is not None:
        if engine == "cohort":
            raise UserError(
                f"engine cohort needs a model that can be stacked, but that of {task.name} cannot "
                f"({obstacle}); use engine auto or loop"
            )
        return EngineChoice("loop", 1, f"this model cannot be stacked ({obstacle})", stackable=False)
    model, settings = task.build(0), task.settings
    usual = usual_width(task.model_parameters, workers)
    if engine == "cohort":
        return EngineChoice("cohort", usual, "as asked")
    shape = tuple(task.train[0].shape[1:])
    key = (str(model), shape, settings.batch_size, settings.optimizer, workers, usual)
    if key not in _known:
        _known[key] = _measured(task, usual, clear=is_mlp(model))
    return _known[key]


def usual_width(parameters: int, workers: int) -> int:
    """How many members of so many parameters a program may hold: what caches like and memory allows."""
    liked = min(MOST, max(LEAST, CACHE_NUMBERS // max(1, parameters)))
    allowed = room() // (workers * max(1, parameters) * 4 * COPIES)
    return max(1, min(liked, allowed))


def cannot_stack(task: Task) -> str | None:
    """Why the model cannot be trained as a cohort, or None. Tries a step of two members, and their outputs.

    Whatever goes wrong with the user's model then is a reason not to stack it; the loop engine will tell
    whether it is more than that. Where the model draws random numbers, the step must be that of a model
    alone: some layers draw anew for each of the stacked members.
    """
    try:
        program = StackedProgram(Job(task, final_split(task), _members(task, 2), Repeat(0), 0))
        program.outputs(task.train[0][:2])
        drawn_alike = not task.is_stochastic or _same_step(task)
    except Exception as error:  # noqa: BLE001  (see above)
        return one_line(error, 160) or type(error).__name__
    return None if drawn_alike else "stacked, it draws other random numbers than alone"


def _same_step(task: Task) -> bool:
    """Whether a plain step takes both of two stacked members where it takes the model alone."""
    plain = replace(task.settings, optimizer="sgd", momentum=0.0, nesterov=False, schedule="constant")
    twin = replace(_members(task, 1)[0], recipe=plain)
    job = Job(task, _first_batch(task), [twin, twin], Repeat(0), 0)
    start = LoopProgram(job).parameters(0)
    programs: list[Program] = [StackedProgram(job), LoopProgram(job)]
    for program in programs:
        program.train(1)
    one, other, alone = (
        torch.cat([(p.parameters(m)[name] - start[name]).flatten() for name in start])
        for p, m in ((programs[0], 0), (programs[0], 1), (programs[1], 0))
    )
    # Rounding is a thousandth of a step at most; other masks change it as a whole.
    return max(float((one - alone).norm()), float((other - alone).norm())) <= 0.01 * float(alone.norm())


def _first_batch(task: Task) -> Split:
    """One batch to train on."""
    whole, rows = final_split(task), slice(0, task.settings.batch_size)
    return Split((whole.train[0][rows], whole.train[1][rows]), whole.held, whole.constants)


def _measured(task: Task, usual: int, *, clear: bool) -> EngineChoice:
    """The faster of stacking and training alone, on one thread as the workers do it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        widths = [usual] if clear else sorted({*(w for w in NARROW if w < usual), usual})
        stacked: dict[int, float] = {}
        for width in widths:
            if stacked and width * min(stacked.values()) > LONGEST_S:
                break
            stacked[width] = _step_s(StackedProgram, task, width) / width
        alone = None if clear else _step_s(LoopProgram, task, 1)
    finally:
        torch.set_num_threads(before)
    width = min(stacked, key=lambda w: stacked[w])
    best = stacked[width]
    if alone is None:
        return EngineChoice("cohort", width, "linear layers and ReLU are fastest stacked", 1 / best)
    figures = f"{best * 1e3:.3g} ms a model and step stacked by {width}, {alone * 1e3:.3g} ms alone"
    if best * ADVANTAGE < alone:
        return EngineChoice("cohort", width, figures, 1 / best)
    return EngineChoice("loop", 1, figures, 1 / alone)


def _step_s(engine: Callable[[Job], Program], task: Task, width: int) -> float:
    """Seconds of a training step on a full batch: the shortest of several.

    Of this thread's time on the processor: on a busy machine a long step is interrupted and a short one is
    not, and the clock on the wall would speak for the engine with the short ones.
    """
    program = engine(Job(task, _first_batch(task), _members(task, width), Repeat(0), 0))
    shortest, spent = float("inf"), 0.0
    while spent < MEASURED_S:
        started = time.thread_time()
        program.train(1)
        seconds = time.thread_time() - started
        shortest, spent = min(shortest, seconds), spent + seconds
    return shortest


def _members(task: Task, width: int) -> Sequence[Candidate]:
    specs = list(standard_specs(task.kind).values())
    return [Candidate(specs[i % len(specs)], task.settings) for i in range(width)]
