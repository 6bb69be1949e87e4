"""The table of jobs. Only this package writes it; the bot may read it in a join."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from inference_queue.background.schema import background_jobs_table

metadata = MetaData()


class JobState(StrEnum):
    """The state of a job: queued until its claim, running under a lease, finished."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"


jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("payload", JSONB, nullable=False),
    # Unused here, but the previous version may run beside this one and uses it. A contract
    # migration of the next version drops it, and ix_jobs_queued with it.
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    # Whose job it is: claims take turns between the keys. Null: the job counts as one of its own.
    Column("fairness_key", Text),
    Column("due", DateTime(timezone=True)),
    Column("deadline", DateTime(timezone=True)),
    # It has pictures: only a worker whose model sees can answer it.
    Column("needs_vision", Boolean, nullable=False, server_default=text("false")),
    # The adapter by whose name it is to be answered; null: the model as it is.
    Column("adapter", Text),
    Column("state", Text, nullable=False, server_default=JobState.QUEUED.value),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    # Fences a lease: a worker that lost it can neither renew nor finish.
    Column("lease", BigInteger, nullable=False, server_default=text("0")),
    Column("lease_until", DateTime(timezone=True)),
    Column("worker", Text),
    # The claims, oldest first, each {"worker": name, "at": time}; the newest ``MAX_RUNS``.
    Column("runs", JSONB),
    # Not before then; a thousand years later with an adapter: see claim_order.set_apart.
    Column("run_after", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("cancel_requested", Boolean, nullable=False, server_default=text("false")),
    Column("result", JSONB),
    # What the previous version's bot could not read of the result: reasoning, a newer reason.
    Column("remarks", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    CheckConstraint("state IN ('queued', 'running', 'finished')", name="ck_jobs_state"),
    Index(
        "ix_jobs_queued",
        text("priority DESC"),
        text("deadline NULLS LAST"),
        "created_at",
        postgresql_where=text("state = 'queued'"),
    ),
    Index("ix_jobs_lease_until", "lease_until", postgresql_where=text("state = 'running'")),
    Index("ix_jobs_finished", "finished_at", postgresql_where=text("state = 'finished'")),
    # Every row is updated a few times and then deleted: leave room on its page.
    postgresql_with={"fillfactor": 70},
)

# The last claim of each key's jobs; rows are removed after an hour.
fairness_keys = Table(
    "fairness_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("served_at", DateTime(timezone=True), nullable=False),
)

background_jobs = background_jobs_table(metadata)
