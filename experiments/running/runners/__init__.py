"""Where a search is trained: a runner is a file here with a `RUNNER`, or what `register_runner` adds."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from ....losses.errors import installed, missing, unknown
from .runner_kind import RunnerKind, Training, TrainingRequest

__all__ = [
    "DEFAULT",
    "RunnerKind",
    "Training",
    "TrainingRequest",
    "register_runner",
    "runner_named",
    "runners",
]

DEFAULT = "local"
_registered: dict[str, RunnerKind] = {}


def runners() -> Mapping[str, RunnerKind]:
    """Every runner by its name: those of this package, then the registered ones. Imports no Ray."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = [module.RUNNER for module in modules if hasattr(module, "RUNNER")]
    return {runner.name: runner for runner in found} | _registered


def register_runner(runner: RunnerKind) -> None:
    """Add a runner of one's own, which `run_search(runner=NAME)` then finds."""
    _registered[runner.name] = runner


def runner_named(name: str | None) -> RunnerKind:
    """The runner of a name; None is the local one.

    Raises:
        UserError: The name is unknown, or a package that the runner needs is not installed.
    """
    known, name = runners(), DEFAULT if name is None else name
    if name not in known:
        raise unknown("runner", name, known)
    found = known[name]
    for package in found.needs:
        if not installed(package):
            raise missing(package, f"the runner {found.name}")
    return found
