"""The judged turns by what they are searched for, and how people are spread over the turns.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_PLACE = ["received_at", "turn_id"]
#: By their names: which judged turns they hold.
_PARTS = {
    "ix_judged_turns_several": "reviews > 1",
    "ix_judged_turns_disputed": "disputed",
    "ix_judged_turns_authoritative": "authoritative",
    "ix_judged_turns_corrected": "correction IS NOT NULL",
    **{
        f"ix_judged_turns_{reason}": f"reasons @> '{{{reason}}}'"
        for reason in ("wrong", "unhelpful", "unsafe", "format", "korean")
    },
}


def upgrade() -> None:
    # Reviewers write this table: of 200,000 rows all take half a second, and only judgements wait.
    op.create_index("ix_judged_turns_verdict", "judged_turns", ["verdict", *_PLACE])
    for name, condition in _PARTS.items():
        op.create_index(name, "judged_turns", _PLACE, postgresql_where=sa.text(condition))
    # Postgres takes messenger and tenant for independent of the sender, and would read all turns of
    # a tenant for those of a busy person. Neither statement locks anybody out.
    op.execute("CREATE STATISTICS turns_person (mcv) ON messenger, tenant, sender FROM turns")
    # Not of an empty table: known to be empty, its first turns would be planned for as one, and
    # looked for by any index. Of a table that was never analyzed, Postgres assumes ten pages.
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM turns)")):
        op.execute("ANALYZE turns (messenger, tenant, sender)")


def downgrade() -> None:
    op.execute("DROP STATISTICS turns_person")
    for name in ("ix_judged_turns_verdict", *_PARTS):
        op.drop_index(name, "judged_turns")
