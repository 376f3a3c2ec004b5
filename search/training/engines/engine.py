"""What an engine is: one way of training the members of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...tasks.task import Task
from ..program import Program
from .device import Hardware


def _no_obstacle(task: Task, hardware: Hardware) -> None:
    del task, hardware


def _one_member(task: Task, workers: int, hardware: Hardware) -> Sequence[int]:
    del task, workers, hardware
    return (1,)


def _must_be_measured(task: Task) -> None:
    del task


@dataclass(frozen=True)
class Engine:
    """One way of training the members of a program.

    Args:
        name: The word for it in a SPEC.
        program: Makes a program of one job; of several, where the engine stacks, that are the same candidates
            on other repeats with as many samples.
        stacks: Whether many members in one program take less time than one after another. Then programs hold
            as many as memory and caches like, of several repeats, and are joined when they have lost members.
        described: How members are trained, for the line that says why an engine was chosen, with {width}.
        advantage: How many times as fast as another engine this one must have been measured to be chosen.
        obstacle: Why the task's model cannot be trained this way on the hardware, in one line; or None.
        widths: The numbers of members to a program that are worth measuring, given the number of programs in
            parallel; the last is the usual one.
        surely: Why this engine is the fastest for the task's model without measuring others; None if unknown.
    """

    name: str
    program: Callable[..., Program]
    stacks: bool = False
    described: str = "alone"
    advantage: float = 1.0
    obstacle: Callable[[Task, Hardware], str | None] = _no_obstacle
    widths: Callable[[Task, int, Hardware], Sequence[int]] = _one_member
    surely: Callable[[Task], str | None] = _must_be_measured
