"""Reconciliation: unconfirmed posts are looked up, and sent again where they never arrived.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("trace_claim", sa.Integer))
    op.add_column("deliveries", sa.Column("trace_at", sa.DateTime(timezone=True)))
    op.add_column(
        "deliveries",
        sa.Column("traces", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    op.create_index(
        "ix_deliveries_trace",
        "deliveries",
        ["trace_at"],
        postgresql_where=sa.text(
            "state = 'unconfirmed' AND trace_claim = claim AND trace_at IS NOT NULL"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_trace", "deliveries")
    op.drop_column("deliveries", "traces")
    op.drop_column("deliveries", "trace_at")
    op.drop_column("deliveries", "trace_claim")
