"""The store's schema: brought up to date when a store is opened, refused when it is newer than the code."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ...losses.errors import UserError, one_line
from .engine import reading, shown, writing
from .tables import metadata

# The newest migration. A test compares it with the files, so that opening a store need not import Alembic.
HEAD = "0002"
VERSION_TABLE = "lossmith_schema"  # MLflow's own is alembic_version, perhaps in the same database
_LOCK = 7_305_521  # any number that others do not use


def upgrade(engine: Engine, url: str) -> None:
    """Bring the schema of a database to `HEAD`.

    Args:
        engine: Connects to the database.
        url: The store's URL, for what an error says.

    Raises:
        UserError: The schema is newer than this lossmith.
    """
    with reading(engine) as connection:
        found = _version(connection, url)
    if found != HEAD:
        _migrate(engine, url)


def _migrate(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":  # SQLite's writers are alone as it is
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if _version(connection, url) != HEAD:  # again: another process may have been faster
            _run(connection)


def _version(connection: Connection, url: str) -> str | None:
    """The schema of a store, None for an empty database; a `UserError` where lossmith cannot read it."""
    there = inspect(connection)
    ours = {table.name for table in metadata.tables.values()} & {*there.get_table_names()}
    if not there.has_table(VERSION_TABLE):
        if ours:
            raise _damaged(url, f"holds {min(ours)} and no version of its schema")
        return None
    if "version_num" not in {column["name"] for column in there.get_columns(VERSION_TABLE)}:
        raise _damaged(url, f"has a table {VERSION_TABLE} without version_num")
    found = list(connection.scalars(text(f"SELECT version_num FROM {VERSION_TABLE}")))  # noqa: S608  (ours)
    version = found[0] if len(found) == 1 else None
    if isinstance(version, str) and re.fullmatch(r"\d{4,9}", version) and version > HEAD:
        raise UserError(
            f"the store {shown(url)} has schema {version}, newer than the {HEAD} that this lossmith knows; "
            "upgrade lossmith (pip install --upgrade lossmith) or name another store with --store"
        )
    if version not in {f"{number:04}" for number in range(1, int(HEAD) + 1)}:
        raise _damaged(url, f"says {one_line(repr(found), 60)} of its schema")
    if version == HEAD:
        for table in metadata.sorted_tables:
            held = {column["name"] for column in there.get_columns(table.name)} if table.name in ours else ()
            if lacking := next((column.name for column in table.columns if column.name not in held), None):
                raise _damaged(url, f"lacks {table.name}.{lacking}")
    return str(version)


def _damaged(url: str, how: str) -> UserError:
    return UserError(
        f"a store must be as lossmith made it, but {shown(url)} {how}; restore a copy of it, or name another "
        "store with --store"
    )


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, HEAD)
