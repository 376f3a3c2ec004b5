"""Single trainings of a user's own function, kept as they end until the unit they belong to is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "lossmith_trainings",
        sa.Column(
            "search_id", sa.Integer, sa.ForeignKey("lossmith_searches.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("search_id", "key", name="pk_lossmith_trainings"),
    )
