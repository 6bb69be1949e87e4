"""The tables of the reviews.

What hangs on a turn goes with it: erasure and retention delete turns. Users are never deleted.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from bot.domain.feedback import Reason
from bot.domain.reviews import Sampling, Strata, Verdict
from bot.store.constraints import one_of


def queues_table(metadata: MetaData) -> Table:
    """What is to be reviewed, and how it is chosen."""
    return Table(
        "review_queues",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("name", Text, nullable=False),
        # The text of the search box, as it was when the queue was made.
        Column("query", Text, nullable=False, server_default=""),
        Column("sampling", Text, nullable=False),
        Column("strata", Text),
        # Of a sample; of one that fills itself: a day.
        Column("sample_size", Integer),
        # The same seed chooses the same turns of the same log.
        Column("seed", BigInteger, nullable=False),
        Column("reviewers_per_turn", Integer, nullable=False, server_default=text("1")),
        Column("reservation_minutes", Integer, nullable=False, server_default=text("15")),
        Column("fills_itself", Boolean, nullable=False, server_default=text("false")),
        # Turns up to then have been considered; null: it has never been filled.
        Column("filled_until", DateTime(timezone=True)),
        # Of the filling that runs, to be shown: turns that were looked at.
        Column("scanned", BigInteger, nullable=False, server_default=text("0")),
        # A filling that a fault ended: the fault's name, never anybody's words.
        Column("fault", Text, nullable=False, server_default=""),
        Column("created_by", ForeignKey("dashboard_users.id"), nullable=False),
        _created_at(),
        Column("closed_at", DateTime(timezone=True)),
        one_of("sampling", Sampling),
        one_of("strata", Strata),
        # The few that may have to be filled.
        Index("ix_review_queues_open", "id", postgresql_where=text("closed_at IS NULL")),
    )


def items_table(metadata: MetaData) -> Table:
    """The turns of a queue, in the order of their review, each held by one reviewer at a time."""
    return Table(
        "review_items",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("queue_id", ForeignKey("review_queues.id", ondelete="CASCADE"), nullable=False),
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        # Of the turn: the search lists by it.
        Column("received_at", DateTime(timezone=True), nullable=False),
        # Reviews that the turn still needs; 0 also where an adjudicator has decided.
        Column("missing", Integer, nullable=False),
        Column("holder_id", ForeignKey("dashboard_users.id")),
        Column("held_until", DateTime(timezone=True)),
        UniqueConstraint("queue_id", "turn_id"),
        CheckConstraint("missing >= 0", name="missing"),
        Index("ix_review_items_turn_id", "turn_id"),
        Index("ix_review_items_queue_id_id", "queue_id", "id"),
        # The next turns of a queue: what is done is not walked over.
        Index(
            "ix_review_items_missing",
            "queue_id",
            "id",
            postgresql_where=text("missing > 0"),
        ),
        # What a reviewer holds.
        Index(
            "ix_review_items_held",
            "holder_id",
            "queue_id",
            postgresql_where=text("holder_id IS NOT NULL"),
        ),
        Index(
            "ix_review_items_open",
            "received_at",
            "turn_id",
            postgresql_where=text("missing > 0"),
        ),
    )


def reviews_table(metadata: MetaData) -> Table:
    """What one reviewer says of one turn. It counts in every queue that has the turn."""
    return Table(
        "reviews",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), nullable=False),
        # Where it was written; null: on the turn's own page.
        Column("queue_id", ForeignKey("review_queues.id", ondelete="SET NULL")),
        Column("reviewer_id", ForeignKey("dashboard_users.id"), nullable=False),
        # The reviewer does not want to judge it: there is no verdict.
        Column("declined", Boolean, nullable=False, server_default=text("false")),
        *_judgement(nullable=True),
        # Incremented by each change: one that was read before another's is refused.
        Column("version", Integer, nullable=False, server_default=text("1")),
        _created_at(),
        _updated_at(),
        UniqueConstraint("turn_id", "reviewer_id"),
        one_of("verdict", Verdict),
        CheckConstraint("declined = (verdict IS NULL)", name="declined"),
        Index("ix_reviews_reviewer_id_updated_at", "reviewer_id", "updated_at"),
        Index("ix_reviews_queue_id", "queue_id"),
    )


def verdicts_table(metadata: MetaData) -> Table:
    """What an adjudicator says of a turn: it counts, whatever the reviewers say."""
    return Table(
        "review_verdicts",
        metadata,
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        Column("adjudicator_id", ForeignKey("dashboard_users.id"), nullable=False),
        *_judgement(nullable=False),
        Column("version", Integer, nullable=False, server_default=text("1")),
        _created_at(),
        _updated_at(),
        one_of("verdict", Verdict),
    )


def judged_table(metadata: MetaData) -> Table:
    """What counts of a turn's reviews: written with each of them (bot.store.reviews.counting)."""
    return Table(
        "judged_turns",
        metadata,
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        # Of the turn: the search lists by it.
        Column("received_at", DateTime(timezone=True), nullable=False),
        Column("verdict", Text),
        Column("reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("correction", Text),
        Column("authoritative", Boolean, nullable=False, server_default=text("false")),
        Column("disputed", Boolean, nullable=False, server_default=text("false")),
        # Those with a verdict; 0: nobody has one any more.
        Column("reviews", Integer, nullable=False, server_default=text("0")),
        _updated_at(),
        one_of("verdict", Verdict),
        Index("ix_judged_turns_received_at_turn_id", "received_at", "turn_id"),
        # Lists by what is searched for: a walk along one of them, whatever else was judged.
        Index("ix_judged_turns_verdict", "verdict", "received_at", "turn_id"),
        *(
            Index(
                f"ix_judged_turns_{name}",
                "received_at",
                "turn_id",
                postgresql_where=text(condition),
            )
            for name, condition in {
                "several": "reviews > 1",
                "disputed": "disputed",
                "authoritative": "authoritative",
                "corrected": "correction IS NOT NULL",
                **{reason.value: f"reasons @> '{{{reason.value}}}'" for reason in Reason},
            }.items()
        ),
        # A queue may fill itself with what was judged of late.
        Index("ix_judged_turns_updated_at", "updated_at"),
    )


def _judgement(*, nullable: bool) -> tuple[Column[Any], ...]:
    return (
        Column("verdict", Text, nullable=nullable),
        # Codes of bot.domain.feedback.Reason.
        Column("reasons", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        Column("note", Text, nullable=False, server_default=""),
        # The answer as it should have been.
        Column("correction", Text),
    )


def _created_at() -> Column[Any]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def _updated_at() -> Column[Any]:
    return Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now())
