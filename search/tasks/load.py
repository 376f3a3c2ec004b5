"""A task by its name: built in, in the user's file, or a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ...losses.custom import load_file, neighbours_of, user_error
from ...losses.errors import UserError, unknown
from .builtin import built_in_task
from .functions.from_spec import from_settings, is_training
from .functions.training_function import TrainingFunction
from .task import Task


def load_task(
    name: str | Mapping[str, Any], training: Mapping[str, Any] | None = None
) -> Task | TrainingFunction:
    """Return the task of a name; a file is run, as any import is.

    Args:
        name: A built-in task such as `digits-longtail`; `path/to/file.py:function`, where the function
            returns a task, or takes (loss, trial) and is a training of the user's own; or a table, as a
            mapping with the arguments of `Task.from_csv`.
        training: The settings of a function that takes (loss, trial), as `own_training` takes them.

    Raises:
        UserError: There is no such task, or the function raises or returns something else.

    Example:
        >>> load_task("digits-longtail").metric
        'macro_f1'
    """
    if isinstance(name, Mapping):
        check_untrained("a table", training)
        return Task.from_csv(**name)
    if ".py" not in name and ":" not in name:
        task = built_in_task(name)
        check_untrained(name, training)
        return task
    path_text, _, function = name.rpartition(":")
    if not path_text or not function:
        raise UserError(f"a task in a file must be written path/to/file.py:function, but got {name!r}")
    if not Path(path_text).is_file():
        raise UserError(f"the task file {path_text} does not exist in {Path.cwd()}; check the path")
    return _call(load_file(Path(path_text), "task"), function, name, training)


def check_untrained(what: str, training: Mapping[str, Any] | None) -> None:
    """Refuse the settings of a training function for a task that is none.

    Args:
        what: What the task is, for the error.
        training: What the SPEC says under `training`; None where it says nothing.

    Raises:
        UserError: There are settings, even if they are empty.
    """
    if training is not None:
        raise UserError(
            f"`training` must be left out for {what}: it describes a function train(loss, trial), which "
            f"`task` names as path/to/file.py:function, but got {training!r}"
        )


def check_subject(found: object, what: str) -> Task | TrainingFunction:
    """Return `found`, where it is something that losses can be searched for.

    Args:
        found: What a user's function returned, or what was given as a task.
        what: The beginning of the error's line, up to "must": "the task x.py:task".

    Raises:
        UserError: It is neither a `Task` nor a `TrainingFunction`.
    """
    if isinstance(found, Task | TrainingFunction):
        return found
    raise UserError(
        f"{what} must be a lossmith.search.Task, or a training function in own_training(kind, ...), "
        f"but got {type(found).__name__}"
    )


def _call(
    module: ModuleType, function: str, name: str, training: Mapping[str, Any] | None
) -> Task | TrainingFunction:
    found = getattr(module, function, None)
    if not callable(found):
        functions = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise unknown(f"function in {name.rpartition(':')[0]}", function, functions)
    if isinstance(found, TrainingFunction):
        return found
    if is_training(found):
        return from_settings(found, training, name)
    if training is not None:
        raise UserError(
            f"{name} must take two arguments, the loss and the trial, for the SPEC says `training`; write "
            f"`def {function}(loss, trial)`, or leave `training` out where it returns a Task"
        )
    try:
        with neighbours_of(Path(module.__file__ or "")):
            task = found()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise user_error(f"the task {name} cannot be made", error) from error
    return check_subject(task, f"what the task {name} returns")
