"""Every built-in task by its name, as a SPEC writes it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable

from ....losses.errors import unknown
from ..task import Task


def _makers() -> dict[str, Callable[[], Task]]:
    """The function `task` of every file of the package that has one; `_` in a file's name stands for `-`."""
    names = [file.name for file in pkgutil.iter_modules(sys.modules[__package__].__path__)]
    modules = {name: importlib.import_module(f"{__package__}.{name}") for name in names}
    return {name.replace("_", "-"): m.task for name, m in modules.items() if hasattr(m, "task")}


def built_in() -> list[str]:
    """The names of the built-in tasks."""
    return sorted(_makers())


def built_in_task(name: str) -> Task:
    """The built-in task of a name.

    Raises:
        UserError: There is none; the message lists near matches.
    """
    makers = _makers()
    if name not in makers:
        raise unknown("built-in task", name, makers)
    return makers[name]()
