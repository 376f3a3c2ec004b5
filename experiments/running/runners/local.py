"""This machine: worker processes, one a core, or a GPU."""

from __future__ import annotations

from ....search import Task
from ....search.training.functions import local_function
from ....search.training.local import local
from .runner_kind import RunnerKind, Training, TrainingRequest


def _start(asked: TrainingRequest) -> Training:
    if not isinstance(asked.subject, Task):
        trained = local_function(asked.subject, asked.plan)
        return Training(trained, trained.stop, trained.close, remember=trained.remember)
    trainer = local(asked.subject, asked.plan, asked.engine, asked.note, asked.before, asked.hardware)
    return Training(trainer, trainer.stop, trainer.close, trainer.choice, str(trainer.hardware))


RUNNER = RunnerKind("local", "this machine", _start)
