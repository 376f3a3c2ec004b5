"""The address of MLflow, looked at before a search begins: one that cannot work is better said at once."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from ...losses.errors import UserError, one_line

_PLAIN = ("file", "databricks", "databricks-uc", "uc")  # what MLflow itself knows what to do with
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_WEB = ("http", "https")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
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
    if why := why_no_address(uri):
        raise refused(uri, why)
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in _WEB:
        return _unreachable(uri)
    if scheme in _DATABASES:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(uri)
        except (ArgumentError, ValueError) as error:
            raise refused(uri, one_line(error)) from None
        if scheme == "sqlite" and url.database and os.path.isdir(url.database):  # noqa: PTH112  (of a path too long Path raises)
            raise refused(uri, "it is a folder")
        return _unreachable(uri) if scheme != "sqlite" and url.host else None
    if scheme and scheme not in _PLAIN and "://" in uri:
        raise refused(uri, f"MLflow knows no {scheme}://")
    return None


def why_no_address(uri: str) -> str | None:
    """Say why an address can be nobody's, or return None. Nobody is asked.

    Args:
        uri: The URL of a server, or another address, of which less is known.
    """
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:  # a port that is no number, a bracket that does not close
        return one_line(error)
    if "\0" in uri:
        return "it holds NUL"
    if parts.scheme in _WEB and not _is_host(host or ""):
        return "it names no host"
    return None


def _is_host(name: str) -> bool:
    """Whether a server may have this name: 63 characters are the most between two dots."""
    parts = name.removesuffix(".").split(".")
    return name.isprintable() and " " not in name and all(0 < len(part) < 64 for part in parts)


def answers(uri: str) -> OSError | UnicodeError | None:
    """Look whether somebody answers at an address that names a host; what the system says otherwise.

    Args:
        uri: The URL of a server or of a database on one.
    """
    parts = urlsplit(uri)
    port = parts.port or _PORTS[parts.scheme.partition("+")[0]]
    try:
        with socket.create_connection((parts.hostname or "", port), _WAIT_S):
            return None
    except (OSError, UnicodeError) as error:
        return error


def _unreachable(uri: str) -> str | None:
    if (error := answers(uri)) is None:
        return None
    why = "its host cannot be" if isinstance(error, UnicodeError) else one_line(error.strerror or error, 80)
    return (
        f"MLflow at {shown_address(uri)} does not answer ({why}): trials are kept in the store, and "
        "delivered once it does, at the latest by a resume"
    )


def refused(uri: str, why: str) -> UserError:
    """The error for a MLFLOW_TRACKING_URI that cannot be.

    Args:
        uri: What it says.
        why: What is wrong with it.
    """
    return UserError(
        "MLFLOW_TRACKING_URI must be the address of an MLflow server or of its database, such as "
        f"http://127.0.0.1:5000 or sqlite:///mlflow.db, but got {shown_address(uri)}: {why}"
    )


def shown_address(uri: str) -> str:
    """Write an address as it may be printed: without a name and a password before its host.

    Args:
        uri: The address of an MLflow.
    """
    scheme, mark, rest = uri.partition("://")
    return one_line(f"{scheme}{mark}{rest.rpartition('@')[2]}", 120)
