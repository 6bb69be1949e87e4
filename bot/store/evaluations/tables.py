"""The tables of the evaluations. A pair goes with the turn that its question came from."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from bot.domain.evaluations import EvaluationKind
from bot.store.constraints import one_of


def evaluations_table(metadata: MetaData) -> Table:
    """Reports of the evaluation, without the words of any question or answer."""
    return Table(
        "evaluations",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("kind", Text, nullable=False),
        # Of the file with the questions.
        Column("name", Text, nullable=False),
        # The models; of a run the candidate alone.
        Column("baseline", Text, nullable=False),
        Column("candidate", Text, nullable=False),
        # Empty: it could not be measured, or is no comparison.
        Column("verdict", Text, nullable=False, server_default=""),
        Column("report", JSONB, nullable=False),
        # Of the file that was brought: the same one is brought once.
        Column("sha256", LargeBinary, nullable=False),
        Column("author", Text, nullable=False),
        Column("made_at", DateTime(timezone=True), nullable=False),
        Column("added_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        UniqueConstraint("sha256"),
        one_of("kind", EvaluationKind),
    )


def evaluation_pairs_table(metadata: MetaData) -> Table:
    """Questions with their answers, masked."""
    return Table(
        "evaluation_pairs",
        metadata,
        Column("evaluation_id", ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
        Column("position", Integer, primary_key=True),
        # Null: the question is nobody's, such as one of LogicKor.
        Column("turn_id", ForeignKey("turns.id", ondelete="CASCADE")),
        Column("category", Text, nullable=False),
        Column("question", Text, nullable=False),
        Column("baseline", Text, nullable=False),
        Column("candidate", Text, nullable=False),
        # The judge's mean scores, from 1 to 10.
        Column("baseline_score", Double),
        Column("candidate_score", Double),
        # Why there are none.
        Column("note", Text, nullable=False, server_default=""),
        Index(
            "ix_evaluation_pairs_turn_id",
            "turn_id",
            postgresql_where=text("turn_id IS NOT NULL"),
        ),
    )
