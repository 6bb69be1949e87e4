"""The lane of background jobs, and replays with their items and blind votes.

Expand: it only adds, so the previous version goes on working on this schema. Its workers never see
a background job: the jobs are not in their table.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _at(name: str, *, now: bool = False) -> sa.Column[Any]:
    if not now:
        return sa.Column(name, sa.DateTime(timezone=True))
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    _create_background_jobs()
    _create_replays()
    _create_items()
    _create_votes()


def _create_background_jobs() -> None:
    op.create_table(
        "background_jobs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("model", "preset", "engine", "adapter")),
        sa.Column("state", sa.Text, nullable=False, server_default="queued"),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("lease", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        _at("lease_until"),
        sa.Column("worker", sa.Text),
        _at("run_after", now=True),
        sa.Column("result", JSONB),
        _at("created_at", now=True),
        _at("started_at"),
        _at("finished_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("kind IN ('generate', 'render')", name="ck_background_jobs_kind"),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'finished')", name="ck_background_jobs_state"
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_background_jobs_batch_id_state", "background_jobs", ["batch_id", "state"])
    for name, columns, state in (
        ("queued", ["created_at", "id"], "queued"),
        ("lease_until", ["lease_until"], "running"),
        ("finished", ["finished_at"], "finished"),
    ):
        op.create_index(
            f"ix_background_jobs_{name}",
            "background_jobs",
            columns,
            postgresql_where=sa.text(f"state = '{state}'"),
        )


def _create_replays() -> None:
    op.create_table(
        "replays",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        _text("query"),
        _text("source"),
        _text("cursor"),
        sa.Column("max_turns", sa.Integer, nullable=False),
        sa.Column("options", JSONB, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        _at("created_at", now=True),
        _at("ended_at"),
        sa.CheckConstraint(
            "state IN ('collecting', 'running', 'stopped', 'ended')", name="ck_replays_state"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_replays"),
    )
    op.create_index(
        "ix_replays_open",
        "replays",
        ["id"],
        postgresql_where=sa.text("state IN ('collecting', 'running')"),
    )


def _create_items() -> None:
    op.create_table(
        "replay_items",
        sa.Column("replay_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("job_id", sa.Uuid),
        sa.Column("state", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("answer", sa.Text),
        sa.Column("finish_reason", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("total_ms", sa.Float),
        sa.Column("failure", sa.Text),
        sa.CheckConstraint(
            "state IN ('waiting', 'queued', 'answered', 'failed')", name="ck_replay_items_state"
        ),
        sa.ForeignKeyConstraint(
            ["replay_id"], ["replays.id"], name="fk_replay_items_replay_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_replay_items_turn_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("replay_id", "position", name="pk_replay_items"),
        sa.UniqueConstraint("replay_id", "turn_id", name="uq_replay_items_replay_id_turn_id"),
    )
    op.create_index("ix_replay_items_turn_id", "replay_items", ["turn_id"])
    op.create_index(
        "ix_replay_items_job_id",
        "replay_items",
        ["job_id"],
        postgresql_where=sa.text("job_id IS NOT NULL"),
    )


def _create_votes() -> None:
    op.create_table(
        "replay_votes",
        sa.Column("replay_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("preferred", sa.Text, nullable=False),
        _at("voted_at", now=True),
        sa.CheckConstraint(
            "preferred IN ('old', 'new', 'tie', 'both_bad')", name="ck_replay_votes_preferred"
        ),
        sa.ForeignKeyConstraint(
            ["replay_id", "position"],
            ["replay_items.replay_id", "replay_items.position"],
            name="fk_replay_votes_replay_id_position",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("replay_id", "position", "reviewer", name="pk_replay_votes"),
    )
    op.create_table(
        "replay_reveals",
        sa.Column("replay_id", sa.BigInteger, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        _at("revealed_at", now=True),
        sa.ForeignKeyConstraint(
            ["replay_id"], ["replays.id"], name="fk_replay_reveals_replay_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("replay_id", "reviewer", name="pk_replay_reveals"),
    )


def downgrade() -> None:
    for table in ("replay_reveals", "replay_votes", "replay_items", "replays", "background_jobs"):
        op.drop_table(table)
