"""Where searches are kept and shown when nobody says otherwise, and how one says otherwise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...losses.errors import UserError

DEFAULT_WORKDIR = "lossmith-data"


@dataclass(frozen=True)
class Places:
    """A directory, the URLs of the store and of MLflow, and where artifacts go if MLflow has no server."""

    workdir: Path
    store_url: str
    tracking_uri: str
    artifacts: Path


def places(
    workdir: str | Path | None = None, store: str | None = None, environment: Mapping[str, str] = os.environ
) -> Places:
    """Where things go: options come before variables of the environment, and those before the defaults.

    The variables are LOSSMITH_HOME, LOSSMITH_STORE and MLFLOW_TRACKING_URI; an empty one counts as not set.
    Nothing is made or looked at.
    """
    home = Path(workdir or environment.get("LOSSMITH_HOME") or DEFAULT_WORKDIR).expanduser().absolute()
    return Places(
        home,
        store or environment.get("LOSSMITH_STORE") or f"sqlite:///{home / 'lossmith.db'}",
        environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
        home / "artifacts",
    )


def prepare(found: Places) -> Places:
    """Make the directory, or raise a `UserError` when nothing can be written there."""
    try:
        found.workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=found.workdir):
            pass
    except OSError as error:
        raise UserError(
            f"the working directory must be one that can be written, but {found.workdir} cannot "
            f"({(error.strerror or str(error)).lower()}); name another with --workdir or LOSSMITH_HOME"
        ) from None
    return found
