"""What is kept and shown of searches: the store, MLflow, exports, the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .experiment import Experiment
    from .running.comparing import compare
    from .running.run import resume_search, run_search

__all__ = ["Experiment", "compare", "resume_search", "run_search"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `lossmith --help` imports this package and must answer at once.
    if name == "Experiment":
        from .experiment import Experiment

        return Experiment
    if name == "compare":
        from .running.comparing import compare

        return compare
    if name in ("run_search", "resume_search"):
        from .running import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
