"""Fair shares: the person of a job, when each person was served, unsettled turns counted freshly.

Expand: it only adds, so the previous version goes on working on this schema. Its jobs carry no
person and count as one each.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("fairness_key", sa.Text))
    op.create_table(
        "fairness_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=False),
    )
    # VOLATILE: its query sees all turns committed before it, not only those before its caller's
    # statement. The accept calls it under the conversation's lock.
    op.execute("""
        CREATE FUNCTION unsettled_turns(conversation bigint) RETURNS bigint
        LANGUAGE sql VOLATILE AS $$
            SELECT count(*) FROM turns
            WHERE conversation_id = conversation
              AND status IN ('received', 'queued', 'generating')
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION unsettled_turns(bigint)")
    op.drop_table("fairness_keys")
    op.drop_column("jobs", "fairness_key")
