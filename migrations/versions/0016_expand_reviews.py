"""Reviewers' judgements of answers: queues, their items, reviews, and what counts of them.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, _TIME, nullable=False, server_default=sa.func.now())


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str, default: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text(default))


def _no(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false"))


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)


def _reasons() -> sa.Column[Any]:
    return sa.Column("reasons", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'"))


def _references(
    table: str, column: str, target: str, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete
    )


def upgrade() -> None:
    _create_queues()
    _create_items()
    _create_reviews()
    _create_verdicts()
    _create_judged()


def _create_queues() -> None:
    op.create_table(
        "review_queues",
        _id(),
        sa.Column("name", sa.Text, nullable=False),
        _text("query"),
        sa.Column("sampling", sa.Text, nullable=False),
        sa.Column("strata", sa.Text),
        sa.Column("sample_size", sa.Integer),
        sa.Column("seed", sa.BigInteger, nullable=False),
        _number("reviewers_per_turn", "1"),
        _number("reservation_minutes", "15"),
        _no("fills_itself"),
        sa.Column("filled_until", _TIME),
        sa.Column("scanned", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        _text("fault"),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        _now("created_at"),
        sa.Column("closed_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_review_queues"),
        _references("review_queues", "created_by", "dashboard_users"),
        sa.CheckConstraint(
            "sampling IN ('all', 'random', 'stratified')", name="ck_review_queues_sampling"
        ),
        sa.CheckConstraint(
            "strata IN ('messenger', 'messenger_status', 'preset', 'reason')",
            name="ck_review_queues_strata",
        ),
    )
    op.create_index(
        "ix_review_queues_open",
        "review_queues",
        ["id"],
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_items() -> None:
    op.create_table(
        "review_items",
        _id(),
        sa.Column("queue_id", sa.BigInteger, nullable=False),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("missing", sa.Integer, nullable=False),
        sa.Column("holder_id", sa.BigInteger),
        sa.Column("held_until", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_review_items"),
        _references("review_items", "queue_id", "review_queues", "CASCADE"),
        _references("review_items", "turn_id", "turns", "CASCADE"),
        _references("review_items", "holder_id", "dashboard_users"),
        sa.UniqueConstraint("queue_id", "turn_id", name="uq_review_items_queue_id_turn_id"),
        sa.CheckConstraint("missing >= 0", name="ck_review_items_missing"),
    )
    op.create_index("ix_review_items_turn_id", "review_items", ["turn_id"])
    op.create_index("ix_review_items_queue_id_id", "review_items", ["queue_id", "id"])
    op.create_index(
        "ix_review_items_open",
        "review_items",
        ["received_at", "turn_id"],
        postgresql_where=sa.text("missing > 0"),
    )


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        _id(),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("queue_id", sa.BigInteger),
        sa.Column("reviewer_id", sa.BigInteger, nullable=False),
        _no("declined"),
        sa.Column("verdict", sa.Text),
        _reasons(),
        _text("note"),
        sa.Column("correction", sa.Text),
        _number("version", "1"),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        _references("reviews", "turn_id", "turns", "CASCADE"),
        _references("reviews", "queue_id", "review_queues", "SET NULL"),
        _references("reviews", "reviewer_id", "dashboard_users"),
        sa.UniqueConstraint("turn_id", "reviewer_id", name="uq_reviews_turn_id_reviewer_id"),
        sa.CheckConstraint("verdict IN ('good', 'bad')", name="ck_reviews_verdict"),
        sa.CheckConstraint("declined = (verdict IS NULL)", name="ck_reviews_declined"),
    )
    op.create_index("ix_reviews_reviewer_id_updated_at", "reviews", ["reviewer_id", "updated_at"])
    op.create_index("ix_reviews_queue_id", "reviews", ["queue_id"])


def _create_verdicts() -> None:
    op.create_table(
        "review_verdicts",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("adjudicator_id", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        _reasons(),
        _text("note"),
        sa.Column("correction", sa.Text),
        _number("version", "1"),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_review_verdicts"),
        _references("review_verdicts", "turn_id", "turns", "CASCADE"),
        _references("review_verdicts", "adjudicator_id", "dashboard_users"),
        sa.CheckConstraint("verdict IN ('good', 'bad')", name="ck_review_verdicts_verdict"),
    )


def _create_judged() -> None:
    op.create_table(
        "judged_turns",
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("verdict", sa.Text),
        _reasons(),
        sa.Column("correction", sa.Text),
        _no("authoritative"),
        _no("disputed"),
        _number("reviews", "0"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_judged_turns"),
        _references("judged_turns", "turn_id", "turns", "CASCADE"),
        sa.CheckConstraint("verdict IN ('good', 'bad')", name="ck_judged_turns_verdict"),
    )
    op.create_index(
        "ix_judged_turns_received_at_turn_id", "judged_turns", ["received_at", "turn_id"]
    )
    op.create_index("ix_judged_turns_updated_at", "judged_turns", ["updated_at"])


def downgrade() -> None:
    for table in ("judged_turns", "review_verdicts", "reviews", "review_items", "review_queues"):
        op.drop_table(table)
