"""Drafts of settings, questions to try them with, and why a version of settings was made.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SCOPE = ("messenger", "tenant", "room")


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _empty_text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _now(name: str) -> sa.Column[Any]:
    moment = sa.DateTime(timezone=True)
    return sa.Column(name, moment, nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.add_column("bot_configs", _empty_text("note"))
    op.add_column("bot_configs", sa.Column("restores", sa.BigInteger))
    op.create_table(
        "config_drafts",
        *(_text(name) for name in ("owner", *SCOPE)),
        sa.Column("values", JSONB, nullable=False),
        sa.Column("base_version", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
        _now("saved_at"),
        sa.PrimaryKeyConstraint("owner", *SCOPE, name="pk_config_drafts"),
    )
    op.create_index("ix_config_drafts_scope", "config_drafts", list(SCOPE))
    _create_sandbox()


def _create_sandbox() -> None:
    op.create_table(
        "sandbox_questions",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        *(_text(name) for name in ("owner", *SCOPE, "question")),
        # Of the background jobs that answer it.
        sa.Column("batch_id", sa.Uuid, nullable=False),
        _now("asked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_sandbox_questions"),
    )
    op.create_index("ix_sandbox_questions_chat", "sandbox_questions", ["owner", *SCOPE, "id"])
    op.create_table(
        "sandbox_answers",
        sa.Column("question_id", sa.BigInteger, nullable=False),
        _text("side"),
        sa.Column("job_id", sa.Uuid, nullable=False),
        _text("preset"),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        _empty_text("answer"),
        _empty_text("outcome"),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("total_ms", sa.Integer),
        sa.PrimaryKeyConstraint("question_id", "side", name="pk_sandbox_answers"),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["sandbox_questions.id"],
            name="fk_sandbox_answers_question_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("job_id", name="uq_sandbox_answers_job_id"),
        sa.CheckConstraint("side IN ('draft', 'live')", name="ck_sandbox_answers_side"),
    )


def downgrade() -> None:
    for table in ("sandbox_answers", "sandbox_questions", "config_drafts"):
        op.drop_table(table)
    op.drop_column("bot_configs", "restores")
    op.drop_column("bot_configs", "note")
