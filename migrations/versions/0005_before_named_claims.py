"""Claims of deliveries by name: one whose commit got no answer is given back, not taken for lost.

Before the deploy: it only adds, so the version before it goes on working on this schema.
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
