"""What a runner is told, and what it gives: the seam between a prepared search and where it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from ....search import Plan, Task, TrainingFunction
from ....search.records import EngineChoice
from ....search.training.engines.device import Hardware
from ....search.training.functions import TrainingLog
from ....search.training.ray import Resources
from ....search.training.runner import Runner


@dataclass(frozen=True, eq=False)
class TrainingRequest:
    """What has to be trained, and how it was asked for.

    Attributes:
        subject: The task or the training function.
        plan: The budget, which says how samples are dealt.
        engine: The SPEC's word: auto, cohort or loop.
        hardware: The device and precision that the SPEC asks for.
        resources: What a worker gets on a cluster.
        note: Is told what the user should read.
        before: The engine that a search which is resumed began with.
    """

    subject: Task | TrainingFunction
    plan: Plan
    engine: str
    hardware: Hardware
    resources: Resources
    note: Callable[[str], None]
    before: EngineChoice | None = None


@dataclass(frozen=True, eq=False)
class Training:
    """A runner that has started.

    Attributes:
        runner: Trains the cohorts.
        stop: Set to end the training early.
        close: Ends the workers; calling it twice is fine.
        choice: Which engine was chosen and why, where one was.
        hardware: The device and precision in words, where this machine trains.
        remember: Is given where single trainings are kept, for a runner that can go on from them.
    """

    runner: Runner
    stop: Event
    close: Callable[[], None]
    choice: EngineChoice | None = None
    hardware: str | None = None
    remember: Callable[[TrainingLog], None] = lambda _: None


@dataclass(frozen=True)
class RunnerKind:
    """One place where searches are trained.

    Attributes:
        name: As `--runner` has it.
        about: What it is, for a user.
        start: Starts it, before anything is written and before any thread runs: workers are forked.
        decides: Who decides on devices here, if it is not the SPEC's `device` and `precision`.
        needs: The packages that an extra installs (keys of `EXTRA_OF`) and without which it cannot start.
    """

    name: str
    about: str
    start: Callable[[TrainingRequest], Training]
    decides: str | None = None
    needs: tuple[str, ...] = ()
