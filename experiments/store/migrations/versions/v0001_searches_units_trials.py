"""The first schema: searches, the units they are made of, and the trials of each unit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    instant = sa.DateTime(timezone=True)
    search, unit = "lossmith_searches.id", "lossmith_units.id"
    op.create_table(
        "lossmith_searches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uid", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("task", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.Column("owner", sa.String(300)),
        sa.Column("heartbeat_at", instant),
        sa.Column("reason", sa.Text),
        sa.Column("verdict", sa.JSON),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("seconds", sa.JSON, nullable=False),
        sa.Column("experiment_id", sa.String(64)),
        sa.Column("run_id", sa.String(64)),
        sa.UniqueConstraint("name", name="uq_lossmith_searches_name"),
        sa.UniqueConstraint("uid", name="uq_lossmith_searches_uid"),
    )
    op.create_table(
        "lossmith_units",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("search_id", sa.Integer, sa.ForeignKey(search, ondelete="CASCADE"), nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("payload", sa.JSON),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("saved_at", instant, nullable=False),
        sa.UniqueConstraint("search_id", "phase", "place", name="uq_lossmith_units_place"),
    )
    op.create_table(
        "lossmith_trials",
        sa.Column("search_id", sa.Integer, sa.ForeignKey(search, ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("unit_id", sa.Integer, sa.ForeignKey(unit, ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("phase", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("standard", sa.String(200)),
        sa.Column("loss", sa.String(64), nullable=False),
        sa.Column("rest", sa.JSON, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.PrimaryKeyConstraint("search_id", "number", name="pk_lossmith_trials"),
    )
    untracked = sa.text("run_id IS NULL")
    op.create_index(
        "ix_lossmith_trials_untracked",
        "lossmith_trials",
        ["search_id", "unit_id", "position"],
        sqlite_where=untracked,
        postgresql_where=untracked,
    )
    op.create_index("ix_lossmith_trials_unit", "lossmith_trials", ["unit_id", "position"])
