"""Where searches are kept and shown when nobody says otherwise, and how one says otherwise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from errno import EACCES, ENAMETOOLONG, ENOTDIR
from pathlib import Path

from ...losses.errors import UserError, one_line
from ..store import Store, check_url

DEFAULT_WORKDIR = "lossmith-data"


@dataclass(frozen=True)
class Places:
    """Where searches are kept and shown.

    Attributes:
        workdir: The working directory.
        store_url: The store.
        tracking_uri: MLflow.
        artifacts: Where artifacts go if MLflow has no server.
    """

    workdir: Path
    store_url: str
    tracking_uri: str
    artifacts: Path


def places(
    workdir: str | Path | None = None, store: str | None = None, environment: Mapping[str, str] = os.environ
) -> Places:
    """Find where things go: options come before variables of the environment, and those before the defaults.

    The variables are LOSSMITH_HOME, LOSSMITH_STORE and MLFLOW_TRACKING_URI; an empty one counts as not set.
    Nothing is made or looked at.

    Args:
        workdir: The working directory that was asked for.
        store: The URL of the store that was asked for.
        environment: The variables.

    Raises:
        UserError: The working directory cannot be one.
    """
    named = workdir or environment.get("LOSSMITH_HOME") or DEFAULT_WORKDIR
    try:
        home = Path(named).expanduser().absolute()
    except (OSError, RuntimeError) as error:  # the home of nobody; a working directory that is gone
        raise _refused(Path(named), error) from None
    return Places(
        home,
        store or environment.get("LOSSMITH_STORE") or sqlite_url(home / "lossmith.db"),
        environment.get("MLFLOW_TRACKING_URI") or sqlite_url(home / "mlflow.db"),
        home / "artifacts",
    )


def sqlite_url(file: Path) -> str:
    """Write the URL of a SQLite file, whatever its path holds.

    One that needs escapes names its driver: from `sqlite:///` MLflow takes the path as it stands, and makes a
    folder of that name.

    Args:
        file: An absolute path.
    """
    escaped = str(file).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    return f"sqlite:///{file}" if escaped == str(file) else f"sqlite+pysqlite:///{escaped}"


def check(found: Places) -> None:
    """Refuse places that cannot be, before anything is made there.

    Raises:
        UserError: The working directory cannot be made or written, or the store's URL is none.
    """
    try:
        nearest = next(folder for folder in (found.workdir, *found.workdir.parents) if folder.exists())
        if not nearest.is_dir():
            raise _refused(found.workdir, NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR)))
        longest = os.pathconf(nearest, "PC_NAME_MAX")
        if any(len(os.fsencode(part)) > longest for part in found.workdir.parts):
            raise _refused(found.workdir, OSError(ENAMETOOLONG, os.strerror(ENAMETOOLONG)))
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise _refused(found.workdir, PermissionError(EACCES, os.strerror(EACCES)))
        with tempfile.TemporaryFile(dir=nearest):  # /proc and /sys allow it, and refuse
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise _refused(found.workdir, error) from None
    check_url(found.store_url)


def open_store(found: Places) -> Store:
    """Make the directory and open the store; where either is refused, no new folder is left behind.

    Raises:
        UserError: The directory or the store cannot be written.
    """
    new = [folder for folder in (found.workdir, *found.workdir.parents) if not folder.exists()]
    try:
        return Store.open(prepare(found).store_url)
    except UserError:
        for folder in new:
            with suppress(OSError):  # something is in it by now
                folder.rmdir()
        raise


def prepare(found: Places) -> Places:
    """Make the working directory, and return the places.

    Raises:
        UserError: Nothing can be written there.
    """
    try:
        found.workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=found.workdir):
            pass
    except (OSError, ValueError) as error:
        raise _refused(found.workdir, error) from None
    return found


def _refused(workdir: Path, error: Exception) -> UserError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return UserError(
        f"the working directory must be one that can be written, but {one_line(workdir)} cannot "
        f"({why.lower()}); name another with --workdir or LOSSMITH_HOME"
    )
