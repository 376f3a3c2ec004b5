"""The front door of a comparison: losses by name in, a verdict out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...losses.errors import UserError
from ...search import Task, TrainingFunction
from ...search.records import Verdict
from ..progress import Progress
from ..spec.comparing import Entry, compared_spec
from .run import run_search


def compare(  # noqa: PLR0913  (a front door: each argument is one the command line has too)
    task: Task | TrainingFunction | str | Path,
    losses: Sequence[Entry],
    *,
    target: str | Sequence[str] = (),
    tune: bool = False,
    catalogue: bool = False,
    spec: Mapping[str, Any] | None = None,
    name: str | None = None,
    workdir: str | Path | None = None,
    store: str | None = None,
    runner: str | None = None,
    progress: Progress | None = None,
) -> Verdict:
    """Compare losses on a task, each at its best learning rate, and return what sealed test data say.

    Nothing is searched. `verdict.compared` has the answer in one line and a sentence for each pair; the
    comparison is kept like a search, under its name.

    Args:
        task: A task or training function made here; the name of a built-in task, path/to/file.py:function, or
            the path of a CSV or Parquet file or of a SPEC.
        losses: The losses, each NAME, NAME:PARAMETER=VALUE,... such as "focal:gamma=3", FILE.py:OBJECT, or
            the path of a loss.json; the others are compared with the first.
        target: The column of a table to predict, or several for several labels.
        tune: Whether each loss is tuned over its own parameters too, on a small grid.
        catalogue: Whether every standard loss of the kind joins those that are named.
        spec: Other keys of a SPEC, such as {"time_limit": "10m", "recipe": {"epochs": 40}}; None for none.
        name: What to call the comparison; None makes a name of the task's.
        workdir: As of `run_search`.
        store: As of `run_search`.
        runner: As of `run_search`.
        progress: As of `run_search`.

    Raises:
        UserError: Something of what is asked for cannot be, or too few losses could be trained.
        KeyboardInterrupt: As of `run_search`.
    """
    given = task if isinstance(task, Task | TrainingFunction) else None
    wanted = compared_spec(
        task.name if isinstance(task, Task | TrainingFunction) else task,
        losses,
        target=[target] if isinstance(target, str) else target,
        tune=tune,
        catalogue=catalogue,
        changes={**(spec or {}), "name": name},
    )
    keys = {key: value for key, value in wanted.to_json().items() if given is None or key != "task"}
    experiment = run_search(keys, task=given, workdir=workdir, store=store, runner=runner, progress=progress)
    if (verdict := experiment.verdict) is None:
        raise UserError(f"{experiment.record.name} is {experiment.record.status}: {experiment.record.reason}")
    return verdict
