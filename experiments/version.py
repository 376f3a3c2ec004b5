"""Which lossmith this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The version of the installed package; "unknown" where lossmith runs from a bare tree."""
    try:
        return installed("lossmith")
    except PackageNotFoundError:
        return "unknown"
