"""What a prompt was made of, each run of its job, and the way to a room's and a person's pages.

Expand: it only adds, so the previous version goes on working on this schema. The turns that it
queues have no record of their prompt.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TURN_COLUMNS = ("prompt_settings", "history_seqs", "cut_chars", "runs")


def upgrade() -> None:
    op.create_table(
        "prompt_settings",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("preset", sa.Text, nullable=False),
        sa.Column("system_prompt", sa.Text, nullable=False),
        sa.Column("sampling", JSONB, nullable=False),
        sa.Column("picture_prompt", sa.Text),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("id", name="pk_prompt_settings"),
    )
    op.add_column("turns", sa.Column("prompt_settings", sa.Uuid))
    op.add_column("turns", sa.Column("history_seqs", ARRAY(sa.BigInteger)))
    op.add_column("turns", sa.Column("cut_chars", sa.Integer))
    op.add_column("turns", sa.Column("runs", JSONB))
    op.add_column("jobs", sa.Column("runs", JSONB))
    op.create_index(
        "ix_conversations_room",
        "conversations",
        ["messenger", "tenant", "room", "id"],
        postgresql_where=sa.text("room <> ''"),
    )
    op.create_index("ix_feedback_voter_updated_at", "feedback", ["voter", "updated_at"])


def downgrade() -> None:
    op.drop_index("ix_feedback_voter_updated_at", "feedback")
    op.drop_index("ix_conversations_room", "conversations")
    op.drop_column("jobs", "runs")
    for column in reversed(_TURN_COLUMNS):
        op.drop_column("turns", column)
    op.drop_table("prompt_settings")
