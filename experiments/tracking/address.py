"""The address of MLflow, looked at before a search begins: one that cannot work is better said at once."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

from ...losses.errors import UserError, one_line

_PLAIN = ("file", "databricks", "databricks-uc", "uc")  # what MLflow itself knows what to do with
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_WAIT_S = 3.0


def check_address(uri: str) -> str | None:
    """Look whether MLflow can be reached.

    Args:
        uri: What MLFLOW_TRACKING_URI says, or the default.

    Returns:
        A line for the user where a server does not answer now: trials wait in the store.

    Raises:
        UserError: The address is none that MLflow could have.
    """
    try:
        parts = urlsplit(uri)
        scheme, host, port = parts.scheme.partition("+")[0], parts.hostname, parts.port
    except ValueError as error:  # a port that is no number, a bracket that does not close
        raise _refused(uri, str(error)) from None
    if "\0" in uri:
        raise _refused(uri, "it holds NUL")
    if scheme in ("http", "https"):
        if not host:
            raise _refused(uri, "it names no host")
        return _unreachable(uri, host, port or (443 if scheme == "https" else 80))
    if scheme in _DATABASES:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(uri)
        except (ArgumentError, ValueError) as error:
            raise _refused(uri, one_line(error)) from None
        if scheme == "sqlite" and url.database and Path(url.database).is_dir():
            raise _refused(uri, "it is a folder")
        if scheme != "sqlite" and url.host:
            return _unreachable(uri, url.host, url.port or _PORTS[scheme])
        return None
    if scheme and scheme not in _PLAIN and "://" in uri:
        raise _refused(uri, f"MLflow knows no {scheme}://")
    return None


def _unreachable(uri: str, host: str, port: int) -> str | None:
    try:
        with socket.create_connection((host, port), _WAIT_S):
            return None
    except (OSError, UnicodeError) as error:
        why = one_line((error.strerror if isinstance(error, OSError) else None) or error, 80)
        return (
            f"MLflow at {_shown(uri)} does not answer ({why}): trials are kept in the store, and delivered "
            "once it does, at the latest by a resume"
        )


def _refused(uri: str, why: str) -> UserError:
    return UserError(
        "MLFLOW_TRACKING_URI must be the address of an MLflow server or of its database, such as "
        f"http://127.0.0.1:5000 or sqlite:///mlflow.db, but got {_shown(uri)}: {why}"
    )


def _shown(uri: str) -> str:
    """The address without what stands before its host: a name and a password."""
    scheme, mark, rest = uri.partition("://")
    return one_line(f"{scheme}{mark}{rest.rpartition('@')[2]}", 120)
