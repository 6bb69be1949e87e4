"""Jobs that want an adapter by its name, and the adapter that a prompt's settings named.

Expand: both columns may be empty. The previous version's jobs want none. Its workers do not know
the column: jobs that name an adapter are due for them in a thousand years (claim_order.set_apart).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("adapter", sa.Text))
    op.add_column("prompt_settings", sa.Column("adapter", sa.Text))


def downgrade() -> None:
    op.drop_column("prompt_settings", "adapter")
    op.drop_column("jobs", "adapter")
