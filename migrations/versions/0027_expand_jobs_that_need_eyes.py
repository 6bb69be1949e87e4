"""Jobs that only a model that sees can answer, and pictures that operators keep for some days.

Expand: the columns have defaults, so the previous version goes on working on this schema. Its jobs
with pictures count as any other: a worker that does not see declines them, as before. What the new
version keeps, the previous one deletes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("needs_vision", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.add_column("turn_pictures", sa.Column("kept_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("turn_pictures", "kept_until")
    op.drop_column("jobs", "needs_vision")
