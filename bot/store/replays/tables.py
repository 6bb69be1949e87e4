"""The tables of replays, their items and the votes on them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bot.domain.replays import ItemState, Preference, ReplayState
from bot.store.constraints import one_of


def replays_table(metadata: MetaData) -> Table:
    """What is asked again, with which options, and how far that is."""
    return Table(
        "replays",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("name", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("state", Text, nullable=False),
        # The search whose turns are collected, and the place that is reached in it.
        Column("query", Text, nullable=False, server_default=""),
        # What else the turns came from, in words; empty for a search.
        Column("source", Text, nullable=False, server_default=""),
        Column("cursor", Text, nullable=False, server_default=""),
        # The data set whose turns they are.
        Column("dataset_id", ForeignKey("datasets.id", ondelete="SET NULL")),
        # Turns that cannot be asked again, by reason.
        Column("left_out", JSONB, nullable=False, server_default=text("'{}'")),
        Column("max_turns", Integer, nullable=False),
        Column("options", JSONB, nullable=False),
        # Of its jobs in the background lane.
        Column("batch_id", Uuid, nullable=False),
        # Decides which answer stands left. Shown to nobody.
        Column("seed", BigInteger, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("ended_at", DateTime(timezone=True)),
        one_of("state", ReplayState),
        Index("ix_replays_open", "id", postgresql_where=text("state IN ('collecting', 'running')")),
        Index(
            "ix_replays_dataset_id",
            "dataset_id",
            postgresql_where=text("dataset_id IS NOT NULL"),
        ),
    )


def replay_items_table(metadata: MetaData) -> Table:
    """A turn that is asked again, and the new answer to it."""
    return Table(
        "replay_items",
        metadata,
        Column("replay_id", ForeignKey("replays.id", ondelete="CASCADE"), primary_key=True),
        Column("position", Integer, primary_key=True),
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        Column("job_id", Uuid),
        Column("state", Text, nullable=False, server_default=ItemState.WAITING.value),
        Column("answer", Text),
        Column("finish_reason", Text),
        Column("model", Text),
        Column("prompt_tokens", Integer),
        Column("completion_tokens", Integer),
        Column("total_ms", Float),
        Column("failure", Text),
        one_of("state", ItemState),
        UniqueConstraint("replay_id", "turn_id"),
        Index("ix_replay_items_turn_id", "turn_id"),
        Index("ix_replay_items_job_id", "job_id", postgresql_where=text("job_id IS NOT NULL")),
    )


def replay_votes_table(metadata: MetaData) -> Table:
    """Which of both answers a reviewer preferred, without knowing which was which."""
    return Table(
        "replay_votes",
        metadata,
        Column("replay_id", BigInteger, primary_key=True),
        Column("position", Integer, primary_key=True),
        Column("reviewer", Text, primary_key=True),
        Column("preferred", Text, nullable=False),
        Column("voted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        ForeignKeyConstraint(
            ["replay_id", "position"],
            ["replay_items.replay_id", "replay_items.position"],
            ondelete="CASCADE",
        ),
        one_of("preferred", Preference),
    )


def replay_reveals_table(metadata: MetaData) -> Table:
    """Who knows the outcome of a replay, and therefore votes no more."""
    return Table(
        "replay_reveals",
        metadata,
        Column("replay_id", ForeignKey("replays.id", ondelete="CASCADE"), primary_key=True),
        Column("reviewer", Text, primary_key=True),
        Column("revealed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
