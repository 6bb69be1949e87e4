"""The processor and engine time of answers and of bots for the charts, and alerts not sent.

Expand: it only adds, so the previous version goes on working on this schema. What that version
settles or counts has no times, and the charts say of how many answers they know them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TIMES = ("cpu_ms", "busy_ms")
COUNTS = ("measured", *TIMES)


def _zero(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    for name in TIMES:
        op.add_column("turns", sa.Column(name, sa.Float))
    for name in COUNTS:
        op.add_column("statistics", _zero(name))
    op.create_table(
        "statistics_bots",
        sa.Column("step_s", sa.Integer, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        _zero("cpu_ms"),
        sa.PrimaryKeyConstraint("step_s", "starts_at", name="pk_statistics_bots"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "alert_channels",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("failed_since", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("name", name="pk_alert_channels"),
    )


def downgrade() -> None:
    op.drop_table("alert_channels")
    op.drop_table("statistics_bots")
    for name in COUNTS:
        op.drop_column("statistics", name)
    for name in TIMES:
        op.drop_column("turns", name)
