"""Background jobs go with the rows that ask for them; a replay knows its data set, and its gaps.

Expand: it only adds, so the previous version goes on working on this schema. Its statements make
the triggers cancel what its own ones leave in the lane.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: Each row asks for the background job in its ``job_id``.
REASONS = ("replay_items", "dataset_checks", "sandbox_answers")


def upgrade() -> None:
    _create_functions()
    for table in REASONS:
        _create_triggers(table)
    op.add_column(
        "replays", sa.Column("left_out", JSONB, nullable=False, server_default=sa.text("'{}'"))
    )
    op.add_column("replays", sa.Column("dataset_id", sa.BigInteger))
    op.create_foreign_key(
        "fk_replays_dataset_id",
        "replays",
        "datasets",
        ["dataset_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_replays_dataset_id",
        "replays",
        ["dataset_id"],
        postgresql_where=sa.text("dataset_id IS NOT NULL"),
    )


def _create_functions() -> None:
    op.execute(
        """
        CREATE FUNCTION cancel_deleted_background_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM background_jobs USING gone WHERE background_jobs.id = gone.job_id;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE FUNCTION cancel_replaced_background_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM background_jobs USING gone
            WHERE background_jobs.id = gone.job_id
              AND NOT EXISTS (SELECT FROM kept WHERE kept.job_id = gone.job_id);
            RETURN NULL;
        END
        $$
        """
    )


def _create_triggers(table: str) -> None:
    op.execute(
        f"""
        CREATE TRIGGER {table}_deleted AFTER DELETE ON {table}
        REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION cancel_deleted_background_jobs()
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER {table}_replaced AFTER UPDATE ON {table}
        REFERENCING OLD TABLE AS gone NEW TABLE AS kept
        FOR EACH STATEMENT EXECUTE FUNCTION cancel_replaced_background_jobs()
        """
    )


def downgrade() -> None:
    op.drop_index("ix_replays_dataset_id", "replays")
    op.drop_column("replays", "dataset_id")
    op.drop_column("replays", "left_out")
    for table in REASONS:
        op.execute(f"DROP TRIGGER {table}_deleted ON {table}")
        op.execute(f"DROP TRIGGER {table}_replaced ON {table}")
    op.execute("DROP FUNCTION cancel_deleted_background_jobs()")
    op.execute("DROP FUNCTION cancel_replaced_background_jobs()")
