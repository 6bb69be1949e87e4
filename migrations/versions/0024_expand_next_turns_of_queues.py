"""The way to the next turn of a review queue, and to what a reviewer holds.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A table of at most ten thousand rows a queue: each index takes a tenth of a second.
    op.create_index(
        "ix_review_items_missing",
        "review_items",
        ["queue_id", "id"],
        postgresql_where=sa.text("missing > 0"),
    )
    op.create_index(
        "ix_review_items_held",
        "review_items",
        ["holder_id", "queue_id"],
        postgresql_where=sa.text("holder_id IS NOT NULL"),
    )


def downgrade() -> None:
    for name in ("ix_review_items_held", "ix_review_items_missing"):
        op.drop_index(name, "review_items")
