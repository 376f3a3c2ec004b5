"""Connections to the database a store is kept in, and what its failures are called."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from ...losses.errors import EXTRA_OF, UserError, missing, one_line
from . import codec

_REMEDY = "name another with --store or LOSSMITH_STORE"
_BUSY_TIMEOUT_MS = 30_000  # another process may hold the file for as long as it takes to keep one cohort
_WRITES = "lossmith_writes"
_SQLITE_OPTIONS = {"timeout", "cached_statements"}
PASSWORD_FILE = "LOSSMITH_STORE_PASSWORD_FILE"  # noqa: S105  (where the password of a store's URL is, if not in the URL)
# A search uses three connections at most: its own, its heartbeat's and MLflow's feeder's.
_POSTGRESQL: dict[str, Any] = {
    "pool_size": 3,
    "max_overflow": 2,
    "pool_recycle": 1800,  # seconds; what lies between may drop a connection that was idle for an hour
    "connect_args": {"connect_timeout": 10, "application_name": "lossmith", "keepalives_idle": 30},
}


def shown(url: str) -> str:
    """Write a store's URL as it may be printed: without its password and its query.

    Args:
        url: Any text; one that is no URL is printed without what stands before an @.
    """
    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        return re.sub(r"://[^@]*@", "://***@", url)


def check_url(url: str) -> None:
    """Refuse a URL that no store can have; nothing is made or connected.

    Raises:
        UserError: It is no database URL, its database is not known, or it names no file that can be.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return
    path = _file(parsed)
    try:
        if path.is_dir():
            raise _no_file(path, os.strerror(EISDIR))
        with tempfile.TemporaryFile(dir=next(folder for folder in path.parents if folder.exists())):
            pass
    except OSError as error:
        raise _no_file(path, error.strerror) from None


def store_exists(url: str) -> bool:
    """Whether a store may be there: the file of a SQLite URL; of servers nobody knows before they are asked.

    Raises:
        UserError: As `check_url`.
    """
    parsed = _parsed(url)
    return parsed.get_backend_name() != "sqlite" or _file(parsed).is_file()


def engine_for(url: str) -> Engine:
    """Make an engine for a store's URL; nothing is connected yet.

    Raises:
        UserError: The URL cannot be used, or a package or a file that it needs is missing.
    """
    parsed = _parsed(url)
    options: dict[str, Any] = {}
    if parsed.get_backend_name() == "sqlite":
        parsed = _with_directory(parsed)
    else:
        options["pool_pre_ping"] = True  # a server may have closed the connection while a cohort was trained
        parsed = _with_password(parsed)
    if parsed.get_backend_name() == "postgresql":
        options |= _POSTGRESQL
    try:
        engine = create_engine(
            parsed,
            json_serializer=codec.dumps,
            json_deserializer=codec.loads,
            hide_parameters=True,  # an error must not print a cohort, nor what a SPEC holds
            **options,
        )
    except ModuleNotFoundError as error:
        if error.name in EXTRA_OF:
            raise missing(error.name, f"the store {shown(url)}") from None
        raise UserError(
            f"the store {shown(url)} needs the Python package {error.name}, which is not installed: "
            f"pip install {error.name}"
        ) from None
    if engine.dialect.name == "sqlite":
        _tune_sqlite(engine)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection inside a transaction that only reads."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a connection inside a transaction that is kept wholly or not at all."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Put what a database says while it is opened into one line without a password.

    Raises:
        UserError: The database refused.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:  # the latter from the first words to a new connection
        cause = error.orig if isinstance(error, DBAPIError) else error
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        password = make_url(url).password
        reason = lines[0].replace(password, "***") if password else lines[0]
        raise UserError(f"cannot open the store {shown(url)}: {reason}; {_REMEDY}") from None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.get_dialect().is_async:  # it would wait for ever for a loop that nobody runs
            raise ArgumentError(parsed.drivername)  # noqa: TRY301  (it is no URL that a store can have)
    except NoSuchModuleError:
        raise UserError(
            f"a store's URL must begin with sqlite:/// or postgresql://, but got {shown(url)!r}; {_REMEDY}"
        ) from None
    except (ArgumentError, ValueError):
        raise UserError(
            f"a store must be a database URL such as sqlite:///lossmith.db, but got {shown(url)!r}; {_REMEDY}"
        ) from None
    if parsed.get_backend_name() == "sqlite" and ("?" in url) != bool(set(parsed.query) & _SQLITE_OPTIONS):
        raise UserError(
            f"the path in a SQLite store's URL must write ? as %3F, but got {one_line(shown(url))}; {_REMEDY}"
        )
    for option in _SQLITE_OPTIONS & {*parsed.query} if parsed.get_backend_name() == "sqlite" else ():
        value = str(parsed.query[option])
        if not re.fullmatch(r"\d{1,9}(\.\d+)?", value):
            raise UserError(
                f"{option} in a store's URL must be a number, but got {one_line(value)!r}; {_REMEDY}"
            )
    return parsed


def _with_password(url: URL) -> URL:
    """The URL with the password of the file that the environment names, if it has a user and none itself."""
    named = os.environ.get(PASSWORD_FILE)
    if not named or not url.username or url.password:
        return url
    try:
        return url.set(password=Path(named).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise UserError(
            f"{PASSWORD_FILE} must name a file that can be read, but {named} cannot be: {error.strerror}"
        ) from None


def _with_directory(url: URL) -> URL:
    """The URL of a SQLite file with an absolute path, in a directory that exists."""
    path = _file(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the directory {path.parent} for the store: {error.strerror}; {_REMEDY}"
        ) from None
    return url.set(database=str(path))


def _file(url: URL) -> Path:
    """The file of a SQLite URL as an absolute path: a later change of directory must not move the store."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise UserError(
            f"a store must outlive the process, but {url} names no file; write sqlite:///path/to/lossmith.db"
        )
    try:
        path = Path(url.database).expanduser().absolute()
        path.lstat()
    except FileNotFoundError:
        return path
    except (OSError, RuntimeError, ValueError) as error:  # too long, the home of nobody, NUL
        why = error.strerror if isinstance(error, OSError) else error
        raise _no_file(url.database, why) from None
    return path


def _no_file(path: str | Path, why: object) -> UserError:
    return UserError(
        f"a store must be a file that can be made, but {one_line(path)} cannot ({why}); {_REMEDY}"
    )


def _tune_sqlite(engine: Engine) -> None:
    """Let readers and one writer work at the same time, and make transactions begin where they are said to.

    Python's driver begins a transaction only before an INSERT, so that a migration would be half-done after a
    crash. It is told to stay out of it, and a writer takes its lock at once (BEGIN IMMEDIATE): two that
    read first and write later could each wait for the other.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        with suppress(sqlite3.OperationalError):  # another process is switching it right now
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
