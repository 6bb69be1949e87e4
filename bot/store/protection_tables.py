"""The tables of the protection of personal data: retention, blocked people, ordered erasures."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _count(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def retention_rules_table(metadata: MetaData) -> Table:
    """How long turns are kept; the most specific rule counts."""
    return Table(
        "retention_rules",
        metadata,
        # Empty: all messengers, and all tenants of the messenger.
        Column("messenger", Text, primary_key=True),
        Column("tenant", Text, primary_key=True),
        # Null: for ever.
        Column("days", Integer),
        # A run that began before leaves the rule's turns alone.
        _now("changed_at"),
        Column("changed_by", Text, nullable=False),
        CheckConstraint("days >= 1", name="days"),
        CheckConstraint("messenger <> '' OR tenant = ''", name="tenant"),
    )


def retention_runs_table(metadata: MetaData) -> Table:
    """The daily deletions: where each is, and what it has deleted."""
    return Table(
        "retention_runs",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        _now("started_at"),
        _now("updated_at"),
        Column("finished_at", DateTime(timezone=True)),
        # The newest time that any rule reaches: the run ends there.
        Column("until", DateTime(timezone=True)),
        # The last turn that was looked at; null: none.
        Column("reached_at", DateTime(timezone=True)),
        Column("reached_id", Uuid),
        _count("turns"),
        _count("conversations"),
    )


def blocked_people_table(metadata: MetaData) -> Table:
    """People whom the bot answers with one sentence. Each bot holds all of them in memory.

    An erasure empties ``sender`` and ``reason``: nobody gets rid of a block by being erased.
    """
    return Table(
        "blocked_people",
        metadata,
        # A digest of the person's key (bot.domain.turns.Person.key), and the name for operators.
        Column("person", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("messenger", Text, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("sender", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("blocked_by", Text, nullable=False),
        _now("blocked_at"),
        Index("ix_blocked_people_blocked_at", "blocked_at", "person"),
    )


def erasure_orders_table(metadata: MetaData) -> Table:
    """Erasures that an admin has ordered: a bot that starts anew goes on with them."""
    return Table(
        "erasure_orders",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("messenger", Text, nullable=False),
        Column("tenant", Text, nullable=False),
        # Emptied at the end.
        Column("sender", Text, nullable=False),
        # A digest of the person's key (bot.domain.turns.Person.key).
        Column("person", Text, nullable=False),
        # The name for operators (bot.privacy.masking.pseudonym).
        Column("name", Text, nullable=False),
        Column("actor", Text, nullable=False),
        _now("ordered_at"),
        # Until then the bot that carries it out counts as alive.
        Column("taken_until", DateTime(timezone=True)),
        # What is deleted so far.
        Column("counts", JSONB, nullable=False, server_default=text("'{}'")),
        Column("finished_at", DateTime(timezone=True)),
        # The receipt in ``erasures``.
        Column("receipt", Uuid),
        Index("ix_erasure_orders_person", "person", "ordered_at"),
        Index(
            "ix_erasure_orders_open",
            "ordered_at",
            postgresql_where=text("finished_at IS NULL"),
        ),
    )
