"""The way to the next turn of a review queue, to what a reviewer holds, to what a person stopped.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
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
    # An erasure looks for what the person stopped: next to no turn. A million are read in 0.6 s.
    op.create_index(
        "ix_turns_stopped_by",
        "turns",
        ["stopped_by"],
        postgresql_where=sa.text("stopped_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_turns_stopped_by", "turns")
    for name in ("ix_review_items_held", "ix_review_items_missing"):
        op.drop_index(name, "review_items")
