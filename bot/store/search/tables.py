"""The tables of the search index. Triggers of migration 0012 fill the queue."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects.postgresql import ARRAY


def segments_table(metadata: MetaData) -> Table:
    """Ranges of time with some ten thousand turns each: a search walks them from the newest."""
    return Table(
        "search_segments",
        metadata,
        # The segment ends where the next one starts.
        Column("starts_at", DateTime(timezone=True), primary_key=True),
        # Its low bits are the high bits of the keys.
        Column("number", Integer, Identity(always=True), nullable=False),
        Column("turns", Integer, nullable=False, server_default=text("0")),
        # All its turns are indexed, except open and queued ones.
        Column("indexed", Boolean, nullable=False, server_default=text("false")),
    )


def entries_table(metadata: MetaData) -> Table:
    """The keys of each indexed turn (bot/store/search/keys.py)."""
    return Table(
        "search_entries",
        metadata,
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        Column("received_at", DateTime(timezone=True), nullable=False),
        Column("keys", ARRAY(Integer), nullable=False),
        # Keys are listed first; the indexer, which alone writes and has time, merges them. A search
        # reads the list too, so it is small.
        Index(
            "ix_search_entries_keys",
            "keys",
            postgresql_using="gin",
            postgresql_with={"fastupdate": "on", "gin_pending_list_limit": 256},
        ),
    )


def queue_table(metadata: MetaData) -> Table:
    """Turns that wait to be indexed, perhaps several times; searches read their texts."""
    return Table(
        "search_queue",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        # No foreign key: it would cost each settlement, and the indexer skips erased turns.
        Column("turn_id", Uuid, nullable=False),
        Column("queued_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def saved_searches_table(metadata: MetaData) -> Table:
    """Searches that operators have saved under a name of their own."""
    return Table(
        "saved_searches",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("owner", Text, nullable=False),
        Column("name", Text, nullable=False),
        # The text of the search box.
        Column("query", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        UniqueConstraint("owner", "name"),
    )
