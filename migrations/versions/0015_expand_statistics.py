"""Counts of ended turns by time for the charts, and orders to send dead letters again.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COUNTS = (
    "ended",
    "answered",
    "failed",
    "expired",
    "cancelled",
    "merged",
    "begun",
    "judged",
    "in_time",
    "good_votes",
    "bad_votes",
    "prompt_tokens",
    "completion_tokens",
    "generation_ms",
    "max_waiting",
)


def _zero(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    _create_statistics()
    _create_resends()
    _create_alerts()
    op.create_index(
        "ix_turns_settled_at",
        "turns",
        ["settled_at"],
        postgresql_where=sa.text("settled_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["updated_at", "turn_id"],
        postgresql_where=sa.text("state IN ('failed', 'unconfirmed')"),
    )


def _create_statistics() -> None:
    key = ("step_s", "starts_at", "messenger", "tenant")
    op.create_table(
        "statistics",
        sa.Column("step_s", sa.Integer, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("messenger", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        *(_zero(name) for name in COUNTS),
        sa.Column("details", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.PrimaryKeyConstraint(*key, name="pk_statistics"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "statistics_progress",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_statistics_progress"),
    )
    op.create_table(
        "statistics_open",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("turn_id", name="pk_statistics_open"),
    )


def _create_resends() -> None:
    op.create_table(
        "bulk_resends",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        *(_text(name) for name in ("messenger", "state", "author")),
        _zero("sent"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("stopped", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_resends"),
    )
    op.create_index(
        "ix_bulk_resends_running",
        "bulk_resends",
        ["id"],
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_alerts() -> None:
    moments = ("since", "told_at", "acknowledged_at", "silenced_until")
    op.create_table(
        "alerts",
        sa.Column("name", sa.Text, nullable=False),
        _text("detail"),
        *(sa.Column(name, sa.DateTime(timezone=True)) for name in moments),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("name", name="pk_alerts"),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_dead", "deliveries")
    op.drop_index("ix_turns_settled_at", "turns")
    for table in ("alerts", "bulk_resends", "statistics_open", "statistics_progress", "statistics"):
        op.drop_table(table)
