"""The keys of a batch of turns go into the search index together.

One by one they wrote tens of kilobytes into Postgres' log for each turn. In the list of what is
pending they are merged first. A search reads the list too: it is kept small.

Expand: a setting of the index, with which the previous version works as before.
"""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER INDEX ix_search_entries_keys SET (fastupdate = on)")
    op.execute("ALTER INDEX ix_search_entries_keys SET (gin_pending_list_limit = 256)")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_search_entries_keys SET (fastupdate = off)")
    op.execute("ALTER INDEX ix_search_entries_keys RESET (gin_pending_list_limit)")
