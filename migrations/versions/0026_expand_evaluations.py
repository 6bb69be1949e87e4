"""Evaluations of models, and their answers question by question.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True)),
        *(_text(name) for name in ("kind", "name", "baseline", "candidate")),
        sa.Column("verdict", sa.Text, nullable=False, server_default=""),
        sa.Column("report", JSONB, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        _text("author"),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("added_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
        sa.UniqueConstraint("sha256", name="uq_evaluations_sha256"),
        sa.CheckConstraint("kind IN ('comparison', 'run')", name="ck_evaluations_kind"),
    )
    _create_pairs()


def _create_pairs() -> None:
    op.create_table(
        "evaluation_pairs",
        sa.Column("evaluation_id", sa.BigInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("turn_id", sa.Uuid),
        *(_text(name) for name in ("category", "question", "baseline", "candidate")),
        sa.Column("baseline_score", sa.Double),
        sa.Column("candidate_score", sa.Double),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("evaluation_id", "position", name="pk_evaluation_pairs"),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["evaluations.id"],
            name="fk_evaluation_pairs_evaluation_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_evaluation_pairs_turn_id", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "ix_evaluation_pairs_turn_id",
        "evaluation_pairs",
        ["turn_id"],
        postgresql_where=sa.text("turn_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("evaluation_pairs")
    op.drop_table("evaluations")
