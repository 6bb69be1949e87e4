"""The delivery ledger, merged turns, and when an answer is first wanted.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIA = "via IN ('sync', 'callback', 'post', 'held')"
STATE = "state IN ('pending', 'sending', 'held', 'delivered', 'unconfirmed', 'failed', 'expired')"


def upgrade() -> None:
    op.add_column("turns", sa.Column("prompt", sa.Text))
    op.add_column("turns", sa.Column("merged_into", sa.Uuid))
    op.add_column("jobs", sa.Column("due", sa.DateTime(timezone=True)))
    op.add_column(
        "deliveries",
        sa.Column("expiry_told", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("claim", sa.Integer, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempts"),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_delivery_attempts_turn_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint(VIA, name=op.f("ck_delivery_attempts_via")),
        sa.CheckConstraint(STATE, name=op.f("ck_delivery_attempts_state")),
    )
    op.create_index("ix_delivery_attempts_turn_id", "delivery_attempts", ["turn_id"])


def downgrade() -> None:
    op.drop_table("delivery_attempts")
    op.drop_column("deliveries", "expiry_told")
    op.drop_column("jobs", "due")
    op.drop_column("turns", "merged_into")
    op.drop_column("turns", "prompt")
