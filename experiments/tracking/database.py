"""MLflow's SQLite database, made in a way that a kill cannot spoil."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import socket
from pathlib import Path

from mlflow import MlflowClient
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


def make_database(tracking_uri: str) -> None:
    """Make the file of a SQLite address with MLflow's tables in it, unless there is one.

    MLflow runs dozens of migrations for that, each for itself: a process killed among them may leave a file
    that no MLflow opens again. So they run under another name, and the finished file gets its own at once.

    Args:
        tracking_uri: Any address of an MLflow; nothing is done for one that is no SQLite file.
    """
    path = _sqlite_path(tracking_uri)
    if path is None or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_drafts(path)
    # In a folder of its own, which goes with all that SQLite puts beside it; the name tells whose it is.
    folder = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}")
    draft = folder / path.name
    folder.mkdir()
    try:
        address = URL.create("sqlite+pysqlite", database=str(draft)).render_as_string()
        MlflowClient(address).search_experiments(max_results=1)
        _name(draft, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_drafts(path: Path) -> None:
    """Remove what processes that were killed have left; those of a process that lives stay."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*"):
        host, _, process = draft.name.removeprefix(f".{path.name}.").rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(draft, ignore_errors=True)


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
