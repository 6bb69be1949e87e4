"""Delivery claims name their owner: a claim with an ambiguous commit is released, not lost.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("claimed_by", sa.Uuid))


def downgrade() -> None:
    op.drop_column("deliveries", "claimed_by")
