"""MLflow's SQLite database, made in a way that a kill cannot spoil."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from mlflow import MlflowClient
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def make_database(tracking_uri: str) -> None:
    """Make the file of a SQLite address with MLflow's tables in it, unless there is one.

    MLflow runs dozens of migrations for that, each for itself: a process killed among them may leave a file
    that no MLflow opens again. So they run under another name, and the finished file gets its own at once.
    """
    path = _sqlite_path(tracking_uri)
    if path is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        MlflowClient(f"sqlite:///{draft}").search_experiments(max_results=1)
        _name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _name(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # unlike a rename it never replaces what another process has made meanwhile
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            draft.rename(path)


def _sqlite_path(tracking_uri: str) -> Path | None:
    try:
        url = make_url(tracking_uri)
    except (ArgumentError, ValueError):
        return None
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith((":", "file:")):
        return None
    return Path(url.database)
