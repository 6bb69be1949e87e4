"""Jobs that only a model that sees can answer, told apart without reading their payloads.

Expand: the column has a default, so the previous version goes on working on this schema. Its jobs
with pictures count as any other: a worker that does not see declines them, as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs",
        sa.Column("needs_vision", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )


def downgrade() -> None:
    op.drop_column("jobs", "needs_vision")
