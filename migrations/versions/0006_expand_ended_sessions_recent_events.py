"""Ended sessions of operators, and events that are no turn or carry no id of their own.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_sessions"),
    )
    op.create_table(
        "recent_events",
        sa.Column("messenger", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ends_when_delivered", sa.Boolean, nullable=False, server_default=sa.text("false")
        ),
        sa.PrimaryKeyConstraint("messenger", "tenant", "key", name="pk_recent_events"),
    )
    op.create_index("ix_recent_events_until", "recent_events", ["until"])


def downgrade() -> None:
    op.drop_table("recent_events")
    op.drop_table("ended_sessions")
