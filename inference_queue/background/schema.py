"""The table of background jobs: not that of live jobs, whose workers may be of another version."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def background_jobs_table(metadata: MetaData) -> Table:
    """Jobs that are claimed only while no live job waits."""
    return Table(
        "background_jobs",
        metadata,
        Column("id", Uuid, primary_key=True),
        # Whose results are taken, counted and cancelled together.
        Column("batch_id", Uuid, nullable=False),
        Column("kind", Text, nullable=False),
        Column("payload", JSONB, nullable=False),
        # The worker that is wanted; null: any.
        Column("model", Text),
        Column("preset", Text),
        Column("engine", Text),
        Column("adapter", Text),
        Column("state", Text, nullable=False, server_default="queued"),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        # Fences a lease, as in ``jobs``.
        Column("lease", BigInteger, nullable=False, server_default=text("0")),
        Column("lease_until", DateTime(timezone=True)),
        Column("worker", Text),
        Column("run_after", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("result", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("started_at", DateTime(timezone=True)),
        Column("finished_at", DateTime(timezone=True)),
        CheckConstraint("kind IN ('generate', 'see', 'render')", name="ck_background_jobs_kind"),
        CheckConstraint(
            "state IN ('queued', 'running', 'finished')", name="ck_background_jobs_state"
        ),
        Index("ix_background_jobs_batch_id_state", "batch_id", "state"),
        Index(
            "ix_background_jobs_queued",
            "created_at",
            "id",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_background_jobs_lease_until",
            "lease_until",
            postgresql_where=text("state = 'running'"),
        ),
        Index(
            "ix_background_jobs_finished",
            "finished_at",
            postgresql_where=text("state = 'finished'"),
        ),
        postgresql_with={"fillfactor": 70},
    )
