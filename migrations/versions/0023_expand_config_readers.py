"""Which version of the settings each running bot answers with.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _now(name: str) -> sa.Column[Any]:
    moment = sa.DateTime(timezone=True)
    return sa.Column(name, moment, nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "config_readers",
        sa.Column("bot", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        _now("since"),
        _now("seen_at"),
        sa.PrimaryKeyConstraint("bot", name="pk_config_readers"),
    )


def downgrade() -> None:
    op.drop_table("config_readers")
