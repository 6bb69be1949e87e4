"""Retention, blocked people, ordered erasures, and one-time passwords that expire.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str, *, now: bool = False) -> sa.Column[Any]:
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not now, server_default=default)


def _count(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    _create_retention()
    _create_blocked_people()
    _create_erasure_orders()
    op.create_index("ix_erasures_erased_at", "erasures", ["erased_at", "id"])
    # Who had a person erased; empty: the person.
    op.add_column("erasures", sa.Column("actor", sa.Text, nullable=False, server_default=""))
    # Until when a password that somebody else chose lets its user in; null: for ever.
    op.add_column("dashboard_users", _time("temporary_until"))


def _create_retention() -> None:
    op.create_table(
        "retention_rules",
        _text("messenger"),
        _text("tenant"),
        sa.Column("days", sa.Integer),
        _time("changed_at", now=True),
        _text("changed_by"),
        sa.PrimaryKeyConstraint("messenger", "tenant", name="pk_retention_rules"),
        sa.CheckConstraint("days >= 1", name="ck_retention_rules_days"),
        sa.CheckConstraint("messenger <> '' OR tenant = ''", name="ck_retention_rules_tenant"),
    )
    op.create_table(
        "retention_runs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        _time("started_at", now=True),
        _time("updated_at", now=True),
        _time("finished_at"),
        _time("until"),
        _time("reached_at"),
        sa.Column("reached_id", sa.Uuid),
        _count("turns"),
        _count("conversations"),
        sa.PrimaryKeyConstraint("id", name="pk_retention_runs"),
    )


def _create_blocked_people() -> None:
    op.create_table(
        "blocked_people",
        _text("person"),
        _text("name"),
        _text("messenger"),
        _text("tenant"),
        _text("sender"),
        _text("reason"),
        _text("blocked_by"),
        _time("blocked_at", now=True),
        sa.PrimaryKeyConstraint("person", name="pk_blocked_people"),
    )
    op.create_index("ix_blocked_people_blocked_at", "blocked_people", ["blocked_at", "person"])


def _create_erasure_orders() -> None:
    op.create_table(
        "erasure_orders",
        sa.Column("id", sa.Uuid, nullable=False),
        _text("messenger"),
        _text("tenant"),
        _text("sender"),
        _text("person"),
        _text("name"),
        _text("actor"),
        _time("ordered_at", now=True),
        _time("taken_until"),
        sa.Column("counts", JSONB, nullable=False, server_default=sa.text("'{}'")),
        _time("finished_at"),
        sa.Column("receipt", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_erasure_orders"),
    )
    op.create_index("ix_erasure_orders_person", "erasure_orders", ["person", "ordered_at"])
    op.create_index(
        "ix_erasure_orders_open",
        "erasure_orders",
        ["ordered_at"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_column("dashboard_users", "temporary_until")
    op.drop_column("erasures", "actor")
    op.drop_index("ix_erasures_erased_at", "erasures")
    op.drop_table("erasure_orders")
    op.drop_table("blocked_people")
    op.drop_table("retention_runs")
    op.drop_table("retention_rules")
