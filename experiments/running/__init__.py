"""A search from its SPEC to its last unit, on this machine or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .workdir import Places, open_store, places

if TYPE_CHECKING:
    from .run import resume_search, run_search

__all__ = ["Places", "open_store", "places", "resume_search", "run_search"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: a command that only looks at a store trains nothing.
    if name in ("run_search", "resume_search"):
        from . import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
