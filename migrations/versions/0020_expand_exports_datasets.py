"""Exports of lists, data sets for training, and people who want to be in none.

Expand: it only adds, so the previous version goes on working on this schema.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NOW = sa.func.now()


def _text(name: str, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _number(name: str, kind: type[sa.Integer] = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text("0"))


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("false"))


def _moment(name: str, *, now: bool = False) -> sa.Column[Any]:
    default = _NOW if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not now, server_default=default)


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False)


def _one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    literals = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({literals})", name=f"ck_{table}_{column}")


def _cascade(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [target], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def upgrade() -> None:
    _create_exports()
    _create_export_parts()
    _create_datasets()
    _create_items()
    _create_checks()
    _create_opt_outs()


def _create_exports() -> None:
    op.create_table(
        "exports",
        _id(),
        _text("author"),
        _text("list"),
        _text("query", ""),
        _text("format"),
        _text("reason"),
        _text("language"),
        _text("state", "waiting"),
        _text("failure", ""),
        _text("cursor", ""),
        _flag("listed"),
        _flag("cut"),
        _number("rows"),
        _number("bytes"),
        _number("claim", sa.Integer),
        _moment("claimed_until"),
        _moment("created_at", now=True),
        _moment("ended_at"),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        _one_of("exports", "format", "csv", "xlsx", "zip"),
        _one_of(
            "exports",
            "state",
            *("waiting", "running", "done", "empty"),
            *("failed", "cancelled", "withdrawn", "expired"),
        ),
    )
    op.create_index("ix_exports_author_id", "exports", ["author", "id"])
    op.create_index(
        "ix_exports_open",
        "exports",
        ["id"],
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )
    op.create_index(
        "ix_exports_expires_at",
        "exports",
        ["expires_at"],
        postgresql_where=sa.text("state = 'done'"),
    )


def _create_export_parts() -> None:
    op.create_table(
        "export_parts",
        sa.Column("export_id", sa.BigInteger, nullable=False),
        sa.Column("of_file", sa.Boolean, nullable=False),
        sa.Column("part", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("export_id", "of_file", "part", name="pk_export_parts"),
        _cascade("export_parts", "export_id", "exports.id"),
    )
    op.create_table(
        "export_people",
        sa.Column("export_id", sa.BigInteger, nullable=False),
        _text("person"),
        sa.PrimaryKeyConstraint("export_id", "person", name="pk_export_people"),
        _cascade("export_people", "export_id", "exports.id"),
    )
    op.create_index("ix_export_people_person", "export_people", ["person"])


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        _id(),
        _text("name"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("kind"),
        _text("query"),
        sa.Column("loose", sa.Boolean, nullable=False),
        _text("preset", ""),
        sa.Column("max_tokens", sa.Integer, nullable=False),
        sa.Column("batch_id", sa.Uuid, nullable=False),
        _text("author"),
        _text("state", "building"),
        _text("cursor", ""),
        _number("looked_at"),
        _number("made"),
        sa.Column("left_out", JSONB, nullable=False, server_default=sa.text("'{}'")),
        _number("claim", sa.Integer),
        _moment("claimed_until"),
        _moment("created_at", now=True),
        _moment("ended_at"),
        _moment("frozen_at"),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("name", "version", name="uq_datasets_name_version"),
        _one_of("datasets", "kind", "sft", "dpo"),
        _one_of("datasets", "state", "building", "checking", "ready", "failed"),
    )
    op.create_index(
        "ix_datasets_open",
        "datasets",
        ["id"],
        postgresql_where=sa.text("state IN ('building', 'checking')"),
    )


def _create_items() -> None:
    op.create_table(
        "dataset_items",
        sa.Column("dataset_id", sa.BigInteger, nullable=False),
        _text("id"),
        sa.Column("turn_id", sa.Uuid, nullable=False),
        sa.Column("first_turn_id", sa.Uuid, nullable=False),
        sa.Column("other_turn_id", sa.Uuid),
        _text("person"),
        _text("split"),
        _text("source"),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        _text("model"),
        _text("preset"),
        sa.Column("config_version", sa.BigInteger),
        sa.Column("tokens", sa.Integer),
        sa.PrimaryKeyConstraint("dataset_id", "id", name="pk_dataset_items"),
        sa.UniqueConstraint("dataset_id", "hash", name="uq_dataset_items_dataset_id_hash"),
        _cascade("dataset_items", "dataset_id", "datasets.id"),
        *(_cascade("dataset_items", column, "turns.id") for column in _TURNS),
        _one_of("dataset_items", "split", "train", "validation", "test"),
        _one_of("dataset_items", "source", "correction", "review", "vote", "regeneration"),
    )
    for column in _TURNS:
        rare = sa.text("other_turn_id IS NOT NULL") if column == "other_turn_id" else None
        op.create_index(
            f"ix_dataset_items_{column}", "dataset_items", [column], postgresql_where=rare
        )
    op.create_index("ix_dataset_items_person", "dataset_items", ["person"])


def _create_checks() -> None:
    columns = ["dataset_id", "item_id"]
    op.create_table(
        "dataset_checks",
        sa.Column("job_id", sa.Uuid, nullable=False),
        sa.Column("dataset_id", sa.BigInteger, nullable=False),
        _text("item_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_dataset_checks"),
        sa.ForeignKeyConstraint(
            columns,
            ["dataset_items.dataset_id", "dataset_items.id"],
            name="fk_dataset_checks_dataset_id_item_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dataset_checks_dataset_id_item_id", "dataset_checks", columns)


_TURNS = ("turn_id", "first_turn_id", "other_turn_id")


def _create_opt_outs() -> None:
    op.create_table(
        "training_opt_outs",
        *(_text(name) for name in ("person", "pseudonym", "author", "reason")),
        _moment("created_at", now=True),
        sa.PrimaryKeyConstraint("person", name="pk_training_opt_outs"),
    )
    op.create_index(
        "ix_training_opt_outs_created_at_person", "training_opt_outs", ["created_at", "person"]
    )


def downgrade() -> None:
    tables = ("training_opt_outs", "dataset_checks", "dataset_items", "datasets")
    for table in (*tables, "export_people", "export_parts", "exports"):
        op.drop_table(table)
