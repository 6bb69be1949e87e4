"""The tables in which settings are drafted and tried before they go live."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
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


def _scope() -> list[Column[Any]]:
    return [Column(name, Text, nullable=False) for name in ("messenger", "tenant", "room")]


def readers_table(metadata: MetaData) -> Table:
    """The running bots, and which version of the settings each has read."""
    return Table(
        "config_readers",
        metadata,
        Column("bot", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def drafts_table(metadata: MetaData) -> Table:
    """Settings that somebody prepares for a scope; no bot reads them."""
    return Table(
        "config_drafts",
        metadata,
        Column("owner", Text, primary_key=True),
        Column("messenger", Text, primary_key=True),
        Column("tenant", Text, primary_key=True),
        Column("room", Text, primary_key=True),
        # All that the scope shall set.
        Column("values", JSONB, nullable=False),
        # The scope's version that the draft began with; 0: none.
        Column("base_version", BigInteger, nullable=False),
        # Another one after each save.
        Column("revision", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
        Column("saved_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_config_drafts_scope", "messenger", "tenant", "room"),
    )


def questions_table(metadata: MetaData) -> Table:
    """Questions of dashboard users to try a draft with; kept for a day."""
    return Table(
        "sandbox_questions",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("owner", Text, nullable=False),
        *_scope(),
        Column("question", Text, nullable=False),
        # Of the background jobs that answer it.
        Column("batch_id", Uuid, nullable=False),
        Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Index("ix_sandbox_questions_chat", "owner", "messenger", "tenant", "room", "id"),
    )


def answers_table(metadata: MetaData) -> Table:
    """The answers of a question: with the draft's settings, and with the live ones."""
    return Table(
        "sandbox_answers",
        metadata,
        Column(
            "question_id",
            ForeignKey("sandbox_questions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        Column("side", Text, primary_key=True),
        Column("job_id", Uuid, nullable=False),
        Column("preset", Text, nullable=False),
        # NULL until the worker has answered, or has failed to.
        Column("answered_at", DateTime(timezone=True)),
        Column("answer", Text, nullable=False, server_default=""),
        # A failure or finish reason of the protocol.
        Column("outcome", Text, nullable=False, server_default=""),
        Column("completion_tokens", Integer),
        Column("total_ms", Integer),
        UniqueConstraint("job_id"),
        CheckConstraint("side IN ('draft', 'live')", name="side"),
    )
