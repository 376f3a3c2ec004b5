"""Which lossmith this is."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """Return the version of the installed package; "unknown" where lossmith runs from a bare tree."""
    try:
        return installed("lossmith")
    except PackageNotFoundError:
        return "unknown"


def versions() -> dict[str, str]:
    """Return what numbers depend on, by name: lossmith, torch and Python as they are here."""
    import torch

    return {"lossmith": version(), "torch": str(torch.__version__), "Python": sys.version.split()[0]}
