"""The search index of the versions before 0012: the bigrams in ``turns``.

Since then nothing reads or fills them, but each of a turn's versions was written into their index.

Contract: the previous version names neither, so it works on while this one is deployed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_turns_grams", "turns")
    op.drop_column("turns", "grams")


def downgrade() -> None:
    empty = sa.text("'{}'")
    op.add_column(
        "turns", sa.Column("grams", pg.ARRAY(sa.Text), nullable=False, server_default=empty)
    )
    op.create_index(
        "ix_turns_grams",
        "turns",
        ["grams"],
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 256},
    )
