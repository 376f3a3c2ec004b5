"""The tables of the store, as the newest migration leaves them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

NAME_LENGTH = 200  # characters; MLflow takes 250 for the name of a run
HASH_LENGTH = 64


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it is put back when a row is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert a moment to UTC, for the database.

        Args:
            value: A moment with its time zone.
            dialect: The database's; every one is given UTC.
        """
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a moment in UTC from whatever the database keeps.

        Args:
            value: A moment, without a time zone where the database keeps none.
            dialect: The database's.
        """
        del dialect
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def document() -> JSON:
    """Make a JSON column in which None is NULL."""
    return JSON(none_as_null=True)


metadata = MetaData()

# The tables carry a prefix because on a cluster they may share a database with MLflow's.
searches = Table(
    "lossmith_searches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(32), nullable=False),  # names a search wherever its runs are shown
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("status", String(16), nullable=False),
    Column("spec", document(), nullable=False),
    Column("task", document(), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("owner", String(300)),
    Column("heartbeat_at", Instant),
    Column("reason", Text),
    Column("verdict", document()),
    Column("notes", document(), nullable=False),
    Column("seconds", document(), nullable=False),
    Column("experiment_id", String(64)),
    Column("run_id", String(64)),
    UniqueConstraint("name", name="uq_lossmith_searches_name"),
    UniqueConstraint("uid", name="uq_lossmith_searches_uid"),
)

units = Table(
    "lossmith_units",
    metadata,
    Column("id", Integer, primary_key=True),  # grows in the order in which the units of a search were kept
    Column("search_id", ForeignKey("lossmith_searches.id", ondelete="CASCADE"), nullable=False),
    Column("phase", String(32), nullable=False),
    Column("place", Integer, nullable=False),  # within its phase: the index of the unit
    Column("payload", document()),
    Column("seconds", Double, nullable=False),
    Column("saved_at", Instant, nullable=False),
    UniqueConstraint("search_id", "phase", "place", name="uq_lossmith_units_place"),
)

trials = Table(
    "lossmith_trials",
    metadata,
    Column("search_id", ForeignKey("lossmith_searches.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("unit_id", ForeignKey("lossmith_units.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # within its unit
    Column("phase", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("score", Double),  # NULL where it is not a number
    Column("standard", String(NAME_LENGTH)),
    Column("loss", String(HASH_LENGTH), nullable=False),  # the hash of its spec
    Column("rest", document(), nullable=False),
    Column("run_id", String(64)),  # NULL until MLflow has it
    PrimaryKeyConstraint("search_id", "number", name="pk_lossmith_trials"),
)

# What a user's own function has trained since the last unit of its search: a unit that is kept empties it.
trainings = Table(
    "lossmith_trainings",
    metadata,
    Column("search_id", ForeignKey("lossmith_searches.id", ondelete="CASCADE"), nullable=False),
    Column("key", String(HASH_LENGTH), nullable=False),
    Column("result", document(), nullable=False),
    PrimaryKeyConstraint("search_id", "key", name="pk_lossmith_trainings"),
)

# Holds only what MLflow has yet to see, so that finding it costs the same after a million trials.
Index(
    "ix_lossmith_trials_untracked",
    trials.c.search_id,
    trials.c.unit_id,
    trials.c.position,
    sqlite_where=trials.c.run_id.is_(None),
    postgresql_where=trials.c.run_id.is_(None),
)
Index("ix_lossmith_trials_unit", trials.c.unit_id, trials.c.position)
