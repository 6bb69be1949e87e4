"""Reasoning of models is kept beside their answers, and passed from the worker beside results.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("reasoning", sa.Text))
    op.add_column("jobs", sa.Column("remarks", JSONB))


def downgrade() -> None:
    op.drop_column("jobs", "remarks")
    op.drop_column("turns", "reasoning")
