"""The tables of the data sets. An item goes with each turn whose words it holds."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bot.domain.datasets import DatasetKind, DatasetState, Source, Split
from bot.store.constraints import one_of


def datasets_table(metadata: MetaData) -> Table:
    """Data sets, each version a row of its own."""
    return Table(
        "datasets",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("name", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("kind", Text, nullable=False),
        # The search that chooses its turns, as the box of the list has it.
        Column("query", Text, nullable=False),
        # Texts that differ in spaces and punctuation alone are one.
        Column("loose", Boolean, nullable=False),
        # Its template and tokenizer check the items; empty: they are not checked.
        Column("preset", Text, nullable=False, server_default=""),
        # Longer ones are left out by the check; with the answer, in tokens.
        Column("max_tokens", Integer, nullable=False),
        # Of the check's jobs in the background lane.
        Column("batch_id", Uuid, nullable=False),
        Column("author", Text, nullable=False),
        Column("state", Text, nullable=False, server_default=DatasetState.BUILDING.value),
        # Where the next page of the list begins.
        Column("cursor", Text, nullable=False, server_default=""),
        # Turns that were looked at, items that were made of them, and why there are not more.
        Column("looked_at", BigInteger, nullable=False, server_default=text("0")),
        Column("made", BigInteger, nullable=False, server_default=text("0")),
        Column("left_out", JSONB, nullable=False, server_default=text("'{}'")),
        # Fences a claim: only the bot that took this number may go on.
        Column("claim", Integer, nullable=False, server_default=text("0")),
        Column("claimed_until", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("ended_at", DateTime(timezone=True)),
        # Exported: it is never built anew.
        Column("frozen_at", DateTime(timezone=True)),
        UniqueConstraint("name", "version"),
        one_of("kind", DatasetKind),
        one_of("state", DatasetState),
        Index(
            "ix_datasets_open",
            "id",
            postgresql_where=text("state IN ('building', 'checking')"),
        ),
    )


def dataset_items_table(metadata: MetaData) -> Table:
    """The items, masked, as they are exported."""
    return Table(
        "dataset_items",
        metadata,
        Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
        # Made from the turn's id: the same turn has the same in every data set.
        Column("id", Text, primary_key=True),
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        # The oldest turn of the messages before the question: retention deletes it first.
        Column("first_turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        # The turn of the other answer to the same question.
        Column("other_turn_id", ForeignKey("turns.id", ondelete="CASCADE")),
        # The digest of the sender's key.
        Column("person", Text, nullable=False),
        Column("split", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("content", JSONB, nullable=False),
        # Of its normalized text.
        Column("hash", LargeBinary, nullable=False),
        Column("model", Text, nullable=False),
        Column("preset", Text, nullable=False),
        Column("config_version", BigInteger),
        # Rendered with the data set's preset; null: not checked.
        Column("tokens", Integer),
        UniqueConstraint("dataset_id", "hash"),
        one_of("split", Split),
        one_of("source", Source),
        Index("ix_dataset_items_turn_id", "turn_id"),
        Index("ix_dataset_items_first_turn_id", "first_turn_id"),
        Index(
            "ix_dataset_items_other_turn_id",
            "other_turn_id",
            postgresql_where=text("other_turn_id IS NOT NULL"),
        ),
        Index("ix_dataset_items_person", "person"),
    )


def checks_table(metadata: MetaData) -> Table:
    """Jobs of the background lane that render an item, until their results are taken."""
    return Table(
        "dataset_checks",
        metadata,
        Column("job_id", Uuid, primary_key=True),
        Column("dataset_id", BigInteger, nullable=False),
        Column("item_id", Text, nullable=False),
        ForeignKeyConstraint(
            ["dataset_id", "item_id"],
            ["dataset_items.dataset_id", "dataset_items.id"],
            ondelete="CASCADE",
        ),
        Index("ix_dataset_checks_dataset_id_item_id", "dataset_id", "item_id"),
    )


def opt_outs_table(metadata: MetaData) -> Table:
    """People whose words enter no data set, by the digest of their key."""
    return Table(
        "training_opt_outs",
        metadata,
        Column("person", Text, primary_key=True),
        # As the pages show it.
        Column("pseudonym", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_training_opt_outs_created_at_person", "created_at", "person"),
    )
