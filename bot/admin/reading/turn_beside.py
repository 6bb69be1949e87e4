"""What stands beside a turn: related turns, people's votes, the messages of the messenger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.reading.bounds import bounded
from bot.admin.reading.keys import ObjectKeys
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.turns import Person
from bot.privacy.masking import mask, pseudonym
from bot.store.reading.turn import GivenVote, ReadTurn, Relative, ShownPost

#: Of a vote's note, in bytes of HTML.
MAX_NOTE_BYTES = 1_200

VOTES = {"good": "👍", "bad": "👎"}
REASONS = {
    "wrong": "사실과 다름",
    "unhelpful": "도움이 안 됨",
    "unsafe": "불쾌하거나 위험함",
    "format": "읽기 불편함",
    "korean": "말이 어색함",
}
POST_STATES = {
    "starting": "보내는 중",
    "streaming": "스트리밍 중",
    "writing": "고쳐 쓰는 중",
    "final": "다 보임",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Another turn, and what it has to do with this one."""

    label: str
    turn_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteItem:
    """A vote on the answer."""

    mark: str
    voter: str
    voter_key: str
    reasons: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostItem:
    """A message that shows a part of the answer."""

    number: int
    state: str
    was_live: bool
    begun_at: datetime
    changed_at: datetime


def links_of(turn: ReadTurn, relatives: Sequence[Relative]) -> Iterator[Link]:
    """The turns that this one came from or led to."""
    own = (
        (_("이 질문을 합쳐 답한 질문"), turn.merged_into),
        (_("다시 답변하기 전의 답변"), turn.regenerates),
        (_("이어 쓰기 전의 답변"), turn.continues),
    )
    for label, turn_id in own:
        if turn_id is not None:
            yield Link(label=label, turn_id=turn_id)
    for relative in relatives:
        if relative.merged_into == turn.id:
            yield Link(label=_("함께 답한 질문"), turn_id=relative.id)
        elif relative.regenerates == turn.id:
            yield Link(label=_("다시 답변한 질문"), turn_id=relative.id)
        else:
            yield Link(label=_("이어서 답변한 질문"), turn_id=relative.id)


def vote_item(vote: GivenVote, turn: ReadTurn, keys: ObjectKeys) -> VoteItem:
    """The vote, masked."""
    note = mask(vote.note)
    shown = bounded(note, MAX_NOTE_BYTES)
    voter = Person(messenger=turn.messenger, tenant=turn.tenant, sender=vote.voter)
    return VoteItem(
        mark=VOTES.get(vote.vote, vote.vote),
        voter=pseudonym(turn.messenger, turn.tenant, vote.voter),
        voter_key=keys.of_person(voter),
        reasons=", ".join(labels.label(reason, REASONS) for reason in vote.reasons),
        note=shown + ("…" if len(shown) < len(note) else ""),
        at=vote.updated_at,
    )


def post_item(post: ShownPost) -> PostItem:
    """The message, counted from 1."""
    return PostItem(
        number=post.part + 1,
        state=labels.label(post.state, POST_STATES),
        was_live=post.was_live,
        begun_at=post.created_at,
        changed_at=post.updated_at,
    )
