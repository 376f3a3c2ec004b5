"""A task by its name: built in, or a function in the user's file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ...losses.errors import UserError, unknown
from ..task import Task


def built_in() -> list[str]:
    """The names of the built-in tasks."""
    package = importlib.import_module(__package__)
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name.replace("_", "-") for name in names if "_" in name)


def load_task(name: str, folder: Path | None = None) -> Task:
    """The task a SPEC names: `digits-longtail`, or `path/to/file.py:function`.

    A relative path is looked for in `folder` (where the SPEC lies), then in the working directory. The
    file is run, as any import is. Raises `UserError` when there is no such task, when the function
    raises, or when it returns something that is no `Task`.
    """
    if ".py" not in name and ":" not in name:
        if name not in built_in():
            raise unknown("built-in task", name, built_in())
        module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
        return _call(module, "task", name)
    path_text, _, function = name.rpartition(":")
    if not path_text or not function:
        raise UserError(f"a task in a file must be written path/to/file.py:function, but got {name!r}")
    return _call(_load(_find(path_text, folder)), function, name)


def _find(text: str, folder: Path | None) -> Path:
    for base in (folder, Path.cwd()):
        if base is not None and (base / text).is_file():
            return (base / text).resolve()
    raise UserError(f"the task file {text} does not exist, neither beside the SPEC nor in {Path.cwd()}")


def _load(path: Path) -> ModuleType:
    module_name = f"lossmith_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickling look a class's module up by name
    try:
        with _neighbours_of(path):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"the task file {path} cannot be run: {_where(error, path)}") from error
    return module


@contextmanager
def _neighbours_of(path: Path) -> Iterator[None]:
    """Within it a file may import the modules that lie beside it."""
    sys.path.insert(0, str(path.parent))
    try:
        yield
    finally:
        sys.path.remove(str(path.parent))


def _call(module: ModuleType, function: str, name: str) -> Task:
    found = getattr(module, function, None)
    if not callable(found):
        functions = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise unknown(f"function in {name.rpartition(':')[0]}", function, functions)
    file = Path(module.__file__ or "")
    try:
        with _neighbours_of(file):
            task = found()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"the task {name} cannot be made: {_where(error, file)}") from error
    if not isinstance(task, Task):
        raise UserError(
            f"the task {name} must return a lossmith.search.Task, but it returned {type(task).__name__}"
        )
    return task


def _where(error: BaseException, path: Path) -> str:
    """The error in one line, with the line of the user's file that it passed through last."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    place = f" (line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"
