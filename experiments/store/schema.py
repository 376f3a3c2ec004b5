"""The store's schema: brought up to date when a store is opened, refused when it is newer than the code."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from ...losses.errors import UserError
from .engine import reading, shown, writing

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
        found = _version(connection)
    if found != HEAD:
        _migrate(engine, url)


def _migrate(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":  # SQLite's writers are alone as it is
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _version(connection)  # again: another process may have been faster
        if found is not None and found > HEAD:
            raise UserError(
                f"the store {shown(url)} has schema {found}, newer than the {HEAD} that this lossmith knows; "
                "upgrade lossmith (pip install --upgrade lossmith) or name another store with --store"
            )
        if found != HEAD:
            _run(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  (ours)
    return version


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, HEAD)
