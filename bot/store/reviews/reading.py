"""A turn as it is reviewed: its words, those before it, people's votes, and what others said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Row, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.reviews import Judgement
from bot.store.reviews.counting import read_judgement

#: Of the question and of the answer, in code points.
MAX_TEXT_CHARS = 20_000
#: Turns shown before it, and the beginning of each of their texts.
_CONTEXT, CONTEXT_CHARS = 4, 1000
_MAX_VOTES, _MAX_REVIEWS = 20, 20

_TURN = bindparam("turn_id", type_=Uuid)
_READ = text(
    f"""
    SELECT id, conversation_id, seq, epoch, messenger, tenant, sender, received_at, status,
        left(text, {MAX_TEXT_CHARS}) AS text, left(answer, {MAX_TEXT_CHARS}) AS answer,
        jsonb_array_length(media) AS media_count, finish_reason, model, preset
    FROM turns WHERE id = :turn_id AND answer IS NOT NULL
    """
).bindparams(_TURN)
_BEFORE = text(
    f"""
    SELECT left(text, {CONTEXT_CHARS}) AS text, left(answer, {CONTEXT_CHARS}) AS answer
    FROM turns WHERE conversation_id = :conversation_id AND epoch = :epoch AND seq < :seq
    ORDER BY seq DESC LIMIT {_CONTEXT}
    """
).bindparams(*(bindparam(name, type_=BigInteger) for name in ("conversation_id", "epoch", "seq")))
_VOTES = text(
    f"""
    SELECT vote, reasons, note, updated_at FROM feedback WHERE turn_id = :turn_id
    ORDER BY updated_at DESC LIMIT {_MAX_VOTES}
    """
).bindparams(_TURN)
_REVIEWS = text(
    f"""
    SELECT dashboard_users.id AS user_id, dashboard_users.name, declined, verdict, reasons, note,
        correction, version, reviews.updated_at
    FROM reviews JOIN dashboard_users ON dashboard_users.id = reviews.reviewer_id
    WHERE turn_id = :turn_id ORDER BY reviews.id LIMIT {_MAX_REVIEWS}
    """
).bindparams(_TURN)
_DECIDED = text(
    """
    SELECT dashboard_users.id AS user_id, dashboard_users.name, false AS declined, verdict, reasons,
        note, correction, version, review_verdicts.updated_at
    FROM review_verdicts JOIN dashboard_users ON dashboard_users.id = adjudicator_id
    WHERE turn_id = :turn_id
    """
).bindparams(_TURN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedTurn:
    """A turn with an answer; nothing is masked."""

    id: UUID
    conversation_id: int
    seq: int
    epoch: int
    messenger: str
    tenant: str
    sender: str
    received_at: datetime
    status: str
    text: str
    answer: str
    media_count: int
    finish_reason: str | None
    model: str | None
    preset: str | None


@dataclass(frozen=True, slots=True)
class EarlierTurn:
    """The beginnings of a turn before it."""

    text: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class PersonVote:
    """What one person said of the answer; a newer bot's codes as they are stored."""

    vote: str
    reasons: tuple[str, ...]
    note: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReview:
    """A reviewer's or the adjudicator's judgement; None: the reviewer declined."""

    user_id: int
    name: str
    judgement: Judgement | None
    note: str
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnUnderReview:
    """All that the page of a review shows."""

    turn: ReviewedTurn
    earlier: Sequence[EarlierTurn]  #: oldest first
    votes: Sequence[PersonVote]
    reviews: Sequence[WrittenReview]
    decided: WrittenReview | None

    def review_of(self, user_id: int | None) -> WrittenReview | None:
        """The user's own review."""
        return next((one for one in self.reviews if one.user_id == user_id), None)


async def read_turn(connection: AsyncConnection, turn_id: UUID) -> TurnUnderReview | None:
    """A turn with an answer, and what belongs to it; None: there is none."""
    row = (await connection.execute(_READ, {"turn_id": turn_id})).one_or_none()
    if row is None:
        return None
    turn = ReviewedTurn(**row._asdict())
    place = {"conversation_id": turn.conversation_id, "epoch": turn.epoch, "seq": turn.seq}
    earlier = [EarlierTurn(**one._asdict()) for one in await connection.execute(_BEFORE, place)]
    votes = await connection.execute(_VOTES, {"turn_id": turn_id})
    reviews = await connection.execute(_REVIEWS, {"turn_id": turn_id})
    decided = (await connection.execute(_DECIDED, {"turn_id": turn_id})).one_or_none()
    return TurnUnderReview(
        turn=turn,
        earlier=earlier[::-1],
        votes=[PersonVote(v.vote, tuple(v.reasons), v.note, v.updated_at) for v in votes],
        reviews=[_review(one) for one in reviews],
        decided=_review(decided) if decided else None,
    )


def _review(row: Row[Any]) -> WrittenReview:
    return WrittenReview(
        user_id=row.user_id,
        name=row.name,
        judgement=None if row.declined else read_judgement(row),
        note=row.note,
        version=row.version,
        updated_at=row.updated_at,
    )
