"""The tables of the statistics: counts of ended turns by time, and the place of the counting."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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

#: Added up by every batch; bot/store/statistics.py says what each of them counts.
COUNTS = (
    "ended",
    "answered",
    "failed",
    "expired",
    "cancelled",
    "merged",
    "begun",
    "judged",
    "in_time",
    "good_votes",
    "bad_votes",
    "prompt_tokens",
    "completion_tokens",
    "generation_ms",
    "measured",
    "cpu_ms",
    "busy_ms",
)


def _count(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def statistics_table(metadata: MetaData) -> Table:
    """One row per step of time, messenger and tenant in which something happened."""
    return Table(
        "statistics",
        metadata,
        # The length of the step: each batch is added to a row of every length.
        Column("step_s", Integer, primary_key=True),
        Column("starts_at", DateTime(timezone=True), primary_key=True),
        Column("messenger", Text, primary_key=True),
        Column("tenant", Text, primary_key=True),
        *(_count(name) for name in COUNTS),
        # The most turns that waited for the model at a time.
        Column("max_waiting", BigInteger, nullable=False, server_default=text("0")),
        # Further counts by key: failed:<reason>, and <stage>:<bucket> of the histograms.
        Column("details", JSONB, nullable=False, server_default=text("'{}'")),
        # The newest rows are updated every few seconds: leave room on their pages.
        postgresql_with={"fillfactor": 70},
    )


def bots_statistics_table(metadata: MetaData) -> Table:
    """The processor time of all bots in each step of time; it belongs to no tenant."""
    return Table(
        "statistics_bots",
        metadata,
        Column("step_s", Integer, primary_key=True),
        Column("starts_at", DateTime(timezone=True), primary_key=True),
        _count("cpu_ms"),
        postgresql_with={"fillfactor": 70},
    )


def progress_table(metadata: MetaData) -> Table:
    """How far each stream of rows has been counted; the row's lock lets one bot count at a time."""
    return Table(
        "statistics_progress",
        metadata,
        Column("stream", Text, primary_key=True),
        Column("counted_until", DateTime(timezone=True), nullable=False),
    )


def open_table(metadata: MetaData) -> Table:
    """Turns that were counted before their delivery had ended. An erased turn's row is no harm."""
    return Table("statistics_open", metadata, Column("turn_id", Uuid, primary_key=True))


def resends_table(metadata: MetaData) -> Table:
    """Orders of operators to send many dead letters again."""
    return Table(
        "bulk_resends",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        # Which dead letters: of one messenger, in one state; empty: of all.
        Column("messenger", Text, nullable=False, server_default=""),
        Column("state", Text, nullable=False, server_default=""),
        Column("author", Text, nullable=False, server_default=""),
        Column("sent", BigInteger, nullable=False, server_default=text("0")),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        # Null while it runs; ``stopped``: an operator ended it early.
        Column("ended_at", DateTime(timezone=True)),
        Column("stopped", Boolean, nullable=False, server_default=text("false")),
        Index(
            "ix_bulk_resends_running",
            "id",
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


def alert_channels_table(metadata: MetaData) -> Table:
    """How the last message to each channel of the alerts fared."""
    return Table(
        "alert_channels",
        metadata,
        Column("name", Text, primary_key=True),
        # What went wrong; empty: nothing.
        Column("detail", Text, nullable=False, server_default=""),
        Column("sent_at", DateTime(timezone=True)),
        Column("failed_since", DateTime(timezone=True)),
    )


def alerts_table(metadata: MetaData) -> Table:
    """One row per kind of alert that has ever fired."""
    return Table(
        "alerts",
        metadata,
        Column("name", Text, primary_key=True),
        # Since when it fires; null: it does not.
        Column("since", DateTime(timezone=True)),
        # In numbers: how many, how full.
        Column("detail", Text, nullable=False, server_default=""),
        # When it was told last; null: not in this firing.
        Column("told_at", DateTime(timezone=True)),
        # Somebody sees to it: it is told no more in this firing.
        Column("acknowledged_at", DateTime(timezone=True)),
        Column("silenced_until", DateTime(timezone=True)),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
