"""A task by its name: built in, or a function in the user's file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ...losses.custom.user_code import load_file, neighbours_of, user_error
from ...losses.errors import UserError, unknown
from . import builtin
from .functions.from_spec import from_settings, is_training
from .functions.training_function import TrainingFunction
from .task import Task


def built_in() -> list[str]:
    """The names of the built-in tasks."""
    return sorted(_built_in())


def _built_in() -> dict[str, ModuleType]:
    """Every module of this package that has a function `task`, by its name as a SPEC writes it."""
    names = [module.name for module in pkgutil.iter_modules(builtin.__path__)]
    modules = {
        name.replace("_", "-"): importlib.import_module(f"{builtin.__name__}.{name}") for name in names
    }
    return {name: module for name, module in modules.items() if hasattr(module, "task")}


def load_task(
    name: str | Mapping[str, Any], folder: Path | None = None, training: Mapping[str, Any] | None = None
) -> Task | TrainingFunction:
    """The task a SPEC names: `digits-longtail`, `path/to/file.py:function`, or a table.

    A relative path is looked for in `folder` (where the SPEC lies), then in the working directory. The
    file is run, as any import is. A function that takes (loss, trial) is a training of the user's own, which
    `training` describes. A table is a mapping with the arguments of `Task.from_csv`. Raises `UserError`
    when there is no such task, when the function raises, or when it returns something that is neither a
    `Task` nor an `TrainingFunction`.
    """
    if isinstance(name, Mapping):
        return Task.from_csv(**name)
    if ".py" not in name and ":" not in name:
        tasks = _built_in()
        if name not in tasks:
            raise unknown("built-in task", name, tasks)
        return _call(tasks[name], "task", name)
    path_text, _, function = name.rpartition(":")
    if not path_text or not function:
        raise UserError(f"a task in a file must be written path/to/file.py:function, but got {name!r}")
    return _call(load_file(_find(path_text, folder), "task"), function, name, training)


def _find(text: str, folder: Path | None) -> Path:
    for base in (folder, Path.cwd()):
        if base is not None and (base / text).is_file():
            return (base / text).resolve()
    raise UserError(f"the task file {text} does not exist, neither beside the SPEC nor in {Path.cwd()}")


def _call(
    module: ModuleType, function: str, name: str, training: Mapping[str, Any] | None = None
) -> Task | TrainingFunction:
    found = getattr(module, function, None)
    if not callable(found):
        functions = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise unknown(f"function in {name.rpartition(':')[0]}", function, functions)
    if isinstance(found, TrainingFunction):
        return found
    if is_training(found):
        return from_settings(found, training, name)
    if training:
        raise UserError(
            f"{name} must take two arguments, the loss and the trial, for the SPEC says `training`; write "
            f"`def {function}(loss, trial)`, or leave `training` out where it returns a Task"
        )
    file = Path(module.__file__ or "")
    try:
        with neighbours_of(file):
            task = found()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise user_error(f"the task {name} cannot be made", error) from error
    if not isinstance(task, Task | TrainingFunction):
        raise UserError(
            f"the task {name} must return a lossmith.search.Task, but it returned {type(task).__name__}"
        )
    return task
