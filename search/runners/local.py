"""On this machine: in worker processes, one a core."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Event

from ...losses import standard_specs
from ...losses.errors import UserError, unknown
from ..cohort import ENGINES, Trainer, program_maker
from ..engines.crew import Crew, can_fork
from ..engines.program import Job
from ..engines.stacked import StackedProgram
from ..plan import Plan
from ..splits import final_split
from ..task import Task
from ..trial import Candidate, Repeat


def local(
    task: Task, plan: Plan, engine: str = "auto", note: Callable[[str], None] = lambda _: None
) -> Trainer:
    """A runner on this machine's cores; close it when the search has ended.

    With `auto`, models that cannot be stacked go to the loop engine, and `note` is told why; with `cohort`
    they raise `UserError`.
    """
    if engine not in (*ENGINES, "auto"):
        raise unknown("engine", engine, (*ENGINES, "auto"))
    obstacle = None if engine == "loop" else cannot_stack(task)
    if obstacle and engine == "cohort":
        raise UserError(
            f"engine cohort needs a model that can be stacked, but that of {task.name} cannot ({obstacle}); "
            "use engine auto or loop"
        )
    if obstacle:
        note(f"engine loop: this model cannot be stacked ({obstacle})")
    engine = "loop" if obstacle or engine == "loop" else "cohort"
    stop, cores = Event(), len(os.sched_getaffinity(0))
    make = program_maker(task, plan.folds, plan.seed)
    crew = Crew(cores, make, stop) if cores > 1 and can_fork() else None
    return Trainer(task, folds=plan.folds, seed=plan.seed, engine=engine, stop=stop, crew=crew)


def cannot_stack(task: Task) -> str | None:
    """Why the model cannot be trained as a cohort, or None. Tries a step of two members, and their outputs.

    Whatever goes wrong with the user's model then is a reason not to stack it; the loop engine will tell
    whether it is more than that.
    """
    spec = next(iter(standard_specs(task.kind).values()))
    candidates = [Candidate(spec, task.settings), Candidate(spec, task.settings)]
    try:
        StackedProgram(Job(task, final_split(task), candidates, Repeat(0), 0)).outputs(task.train[0][:2])
    except Exception as error:  # noqa: BLE001  (see above)
        return " ".join(str(error).split())[:160] or type(error).__name__
    return None
