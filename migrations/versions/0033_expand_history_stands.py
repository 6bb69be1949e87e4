"""Whether a history that was read before still stands, seen freshly.

Expand: it only adds a function, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # VOLATILE: its query sees all turns as committed before it, not only before its caller's
    # statement. The accept calls it under the conversation's lock. A turn's seq is not enough: one
    # whose settlement a crash of Postgres undid is answered anew.
    op.execute("""
        CREATE FUNCTION history_stands(
            conversation bigint, newest bigint, newest_at timestamptz, seqs bigint[]
        ) RETURNS boolean LANGUAGE sql VOLATILE AS $$
            SELECT count(*) FILTER (WHERE seq = ANY(seqs)) = cardinality(seqs)
                AND coalesce(bool_or(seq = newest AND settled_at = newest_at), false)
            FROM turns WHERE conversation_id = conversation AND seq = ANY(seqs || newest)
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION history_stands(bigint, bigint, timestamptz, bigint[])")
