"""Search: pending entries are merged into the GIN index in small steps.

The statement that fills the pending list pays for the whole merge: 0.1 s for the default 4 MB,
which stalls every question of its batch. Either version of the bot runs on this index.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER INDEX ix_turns_grams SET (gin_pending_list_limit = 256)")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_turns_grams RESET (gin_pending_list_limit)")
