"""Background jobs with pictures, which only workers that see them claim.

Expand: the previous version writes and claims the other kinds, as before.
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _allow("'generate', 'see', 'render'")


def downgrade() -> None:
    op.execute("DELETE FROM background_jobs WHERE kind = 'see'")
    _allow("'generate', 'render'")


def _allow(kinds: str) -> None:
    op.drop_constraint("ck_background_jobs_kind", "background_jobs")
    op.create_check_constraint("ck_background_jobs_kind", "background_jobs", f"kind IN ({kinds})")
