"""What the page of a review shows: masked, labelled, and with the changes of corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.reviews.diff import Part, changes
from bot.admin.turns.queries import before_for
from bot.admin.web import labels
from bot.admin.web.badges import Badge, badge_of
from bot.domain.feedback import Vote
from bot.privacy.cutting import whole_beginning
from bot.privacy.masking import mask, pseudonym
from bot.store.reviews.reading import (
    CONTEXT_CHARS,
    MAX_TEXT_CHARS,
    PersonVote,
    ReviewedTurn,
    TurnUnderReview,
    WrittenReview,
)

_VOTES = {Vote.GOOD.value: "좋아요", Vote.BAD.value: "싫어요"}


@dataclass(frozen=True, slots=True)
class Said:
    """A question with its answer, masked."""

    question: str
    answer: str
    cut: bool = False  #: their ends are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteView:
    """What a person said of the answer."""

    vote: Badge
    reasons: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewView:
    """What a reviewer or the adjudicator wrote."""

    name: str
    verdict: Badge | None  #: None: declined
    reasons: str
    note: str
    changes: Sequence[Part]  #: of the answer; empty: it was not corrected
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnView:
    """A turn under review."""

    id: UUID
    conversation_id: int
    before: int
    messenger: str
    sender: str
    received_at: datetime
    media_count: int
    said: Said
    earlier: Sequence[Said]
    facts: str
    votes: Sequence[VoteView]
    reviews: Sequence[ReviewView]
    decided: ReviewView | None


def turn_view(found: TurnUnderReview, messengers: Mapping[str, str]) -> TurnView:
    """The view of a turn. Masking and comparing take time: call it in the masking thread."""
    turn = found.turn
    answer = shown_answer(turn)
    facts = (turn.preset, turn.model, labels.label(turn.finish_reason, labels.FINISH_REASONS))
    return TurnView(
        id=turn.id,
        conversation_id=turn.conversation_id,
        before=before_for(turn.seq),
        messenger=labels.label(turn.messenger, messengers),
        sender=pseudonym(turn.messenger, turn.tenant, turn.sender),
        received_at=turn.received_at,
        media_count=turn.media_count,
        said=Said(mask(whole_beginning(turn.text, MAX_TEXT_CHARS)), answer),
        earlier=[Said(_earlier(one.text), _earlier(one.answer or "")) for one in found.earlier],
        facts=" · ".join(fact for fact in facts if fact),
        votes=[_vote(vote) for vote in found.votes],
        reviews=[_review(one, answer) for one in found.reviews],
        decided=_review(found.decided, answer) if found.decided else None,
    )


def shown_answer(turn: ReviewedTurn) -> str:
    """The answer, masked; a correction of it begins so. Call it in the masking thread."""
    return mask(whole_beginning(turn.answer, MAX_TEXT_CHARS))


def verdict_badge(verdict: str) -> Badge:
    """A verdict as a label, a shape and a colour."""
    return badge_of(verdict, labels.VERDICTS)


def reason_names(reasons: Sequence[str]) -> str:
    """The reasons in words."""
    return ", ".join(labels.label(reason, labels.REASONS) for reason in reasons)


def _earlier(text: str) -> str:
    return mask(whole_beginning(text, CONTEXT_CHARS))


def _vote(vote: PersonVote) -> VoteView:
    return VoteView(
        vote=badge_of(vote.vote, _VOTES),
        reasons=reason_names(vote.reasons),
        note=mask(vote.note),
        at=vote.updated_at,
    )


def _review(review: WrittenReview, answer: str) -> ReviewView:
    said = review.judgement
    corrected = mask(said.correction) if said and said.correction is not None else None
    return ReviewView(
        name=review.name,
        verdict=verdict_badge(said.verdict) if said else None,
        reasons=reason_names(said.reasons) if said else "",
        note=mask(review.note),
        changes=changes(answer, corrected) if corrected is not None else (),
        at=review.updated_at,
    )
