"""The standard losses that a search on a task has to beat."""

from __future__ import annotations

from ...losses import LossSpec, standard_specs
from .functions.training_function import TrainingFunction
from .task import Task


def standards(task: Task | TrainingFunction) -> dict[str, LossSpec]:
    """Every standard loss of the task's kind by name, as somebody who knows the metric would choose it.

    Where a quantile is measured, the quantile loss predicts that one: a search that found nothing but the
    quantile would have found nothing.
    """
    specs = standard_specs(task.kind)
    quantile = task.measure.quantile if isinstance(task, Task) else None
    if quantile is None:
        return specs
    return {**specs, "quantile": LossSpec(task.kind, {"mix.quantile": 1.0, "quantile.tau": quantile})}
