"""The tables of the exports. Postgres holds the files: each bot can go on with one, and send it."""

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
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)

from bot.domain.exports import ExportFormat, ExportState
from bot.store.constraints import one_of


def exports_table(metadata: MetaData) -> Table:
    """Orders and how far they are."""
    return Table(
        "exports",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("author", Text, nullable=False),
        # The list, and its search as the URL of its page carries it.
        Column("list", Text, nullable=False),
        Column("query", Text, nullable=False, server_default=""),
        Column("format", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("language", Text, nullable=False),
        Column("state", Text, nullable=False, server_default=ExportState.WAITING.value),
        Column("failure", Text, nullable=False, server_default=""),
        # Where the next page of the list begins.
        Column("cursor", Text, nullable=False, server_default=""),
        # All rows are written, and the file is to be put together.
        Column("listed", Boolean, nullable=False, server_default=text("false")),
        # The list went on, but the file has its maximum of rows.
        Column("cut", Boolean, nullable=False, server_default=text("false")),
        Column("rows", BigInteger, nullable=False, server_default=text("0")),
        Column("bytes", BigInteger, nullable=False, server_default=text("0")),
        # Fences a claim: only the bot that took this number may go on.
        Column("claim", Integer, nullable=False, server_default=text("0")),
        Column("claimed_until", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("ended_at", DateTime(timezone=True)),
        Column("expires_at", DateTime(timezone=True)),
        one_of("format", ExportFormat),
        one_of("state", ExportState),
        Index("ix_exports_author_id", "author", "id"),
        # Few are open, and few files are kept.
        Index(
            "ix_exports_open",
            "id",
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index(
            "ix_exports_expires_at",
            "expires_at",
            postgresql_where=text("state = 'done'"),
        ),
    )


def parts_table(metadata: MetaData) -> Table:
    """The parts of a file, or of the rows that it is put together from."""
    return Table(
        "export_parts",
        metadata,
        Column("export_id", ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True),
        Column("of_file", Boolean, primary_key=True),
        Column("part", Integer, primary_key=True),
        Column("data", LargeBinary, nullable=False),
    )


def people_table(metadata: MetaData) -> Table:
    """Whose words a file holds, by the digest of their key: until the file is gone."""
    return Table(
        "export_people",
        metadata,
        Column("export_id", ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True),
        Column("person", Text, primary_key=True),
        Index("ix_export_people_person", "person"),
    )
