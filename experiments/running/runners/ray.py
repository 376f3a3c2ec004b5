"""A Ray cluster: the one that RAY_ADDRESS names, that this is a job of, or one started here."""

from __future__ import annotations

from ....search import Task
from .runner_kind import RunnerKind, Training, TrainingRequest


def _start(asked: TrainingRequest) -> Training:
    from ....search.training.ray import function_on_ray, on_ray

    if not isinstance(asked.subject, Task):
        trained = function_on_ray(asked.subject, asked.plan, asked.resources, asked.note)
        return Training(trained, trained.stop, trained.close, remember=trained.remember)
    trainer = on_ray(asked.subject, asked.plan, asked.engine, asked.resources, asked.note, asked.before)
    return Training(trainer, trainer.stop, trainer.close, trainer.choice)


RUNNER = RunnerKind(
    "ray", "a Ray cluster", _start, decides="a Ray cluster, where `resources`", needs=("ray",)
)
