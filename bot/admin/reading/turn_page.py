"""The page of a turn: what its person saw, its steps to scale, its states in words, its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading import explanations
from bot.admin.reading.bounds import bounded
from bot.admin.reading.explanations import Explanation, explained
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.parts import AnswerDisplay
from bot.admin.reading.spoken import SpokenItem, spoken_item
from bot.admin.reading.timeline import Timeline, draw
from bot.admin.reading.turn_facts import facts_of, moments_of, step_detail, step_label
from bot.admin.turns.queries import read_only
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.turns import Person
from bot.privacy.masking import mask, pseudonym
from bot.store.reading import conversation as conversations
from bot.store.reading import turn as stored
from bot.store.reading.conversation import SpokenTurn
from bot.store.reading.room import Room
from bot.store.reading.turn import Attempt, GivenVote, ReadTurn, Relative, ShownPost
from bot.store.turn_outcomes import TurnOutcome, load_outcomes

#: Of the notes of votes, in bytes of HTML.
MAX_NOTE_BYTES = 1_200
MAX_VOTES = 5

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
class Found:
    """What the database has of a turn."""

    turn: ReadTurn
    spoken: SpokenTurn
    outcome: TurnOutcome | None
    attempts: Sequence[Attempt]
    votes: Sequence[GivenVote]
    posts: Sequence[ShownPost]
    relatives: Sequence[Relative]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepItem:
    """A step of the time line, as a bar and in words."""

    label: str
    detail: str
    kind: str
    x: int
    width: int
    start: str  #: since the receipt
    length: str
    at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPage:
    """Everything on the page."""

    item: SpokenItem
    turn: ReadTurn
    room_key: str  #: "" where the messenger has no rooms
    room: str
    explanations: Sequence[tuple[str, Explanation]]
    steps: Sequence[StepItem]
    total: str
    facts: Sequence[tuple[str, str]]
    links: Sequence[Link]
    votes: Sequence[VoteItem]
    posts: Sequence[PostItem]


async def load(database: AsyncEngine, turn_id: UUID) -> Found | None:
    """Everything about the turn; None: no such turn, or it was erased."""
    async with read_only(database) as connection:
        turn = await stored.find_turn(connection, turn_id)
        spoken = await conversations.find_spoken(connection, turn_id)
        if turn is None or spoken is None:
            return None
        return Found(
            turn=turn,
            spoken=spoken,
            outcome=(await load_outcomes(connection, [turn_id])).get(turn_id),
            attempts=await stored.attempts_of(connection, turn_id),
            votes=await stored.votes_of(connection, turn_id),
            posts=await stored.posts_of(connection, turn_id),
            relatives=await stored.relatives_of(connection, turn),
        )


def compose(found: Found, display: AnswerDisplay, keys: ObjectKeys, now: datetime) -> TurnPage:
    """The page. Masks: not for the event loop."""
    turn = found.turn
    drawn = draw(moments_of(turn, found.attempts), now)
    room = Room(messenger=turn.messenger, tenant=turn.tenant, name=turn.room)
    return TurnPage(
        item=spoken_item(found.spoken, found.outcome, display, keys),
        turn=turn,
        room_key=keys.of_room(room) if turn.room else "",
        room=pseudonym(turn.messenger, turn.tenant, turn.room) if turn.room else "",
        explanations=list(_explanations(turn)),
        steps=list(_steps(drawn)),
        total=labels.duration(drawn.total_ms),
        facts=facts_of(turn, found.attempts[-MAX_SHOWN_ATTEMPTS:]),
        links=list(_links(turn, found.relatives)),
        votes=[_vote(vote, turn, keys) for vote in found.votes[-MAX_VOTES:]],
        posts=[_post(post) for post in found.posts],
    )


#: Attempts among the facts.
MAX_SHOWN_ATTEMPTS = 20


def _explanations(turn: ReadTurn) -> Iterator[tuple[str, Explanation]]:
    """The states in words, each with the label of the state."""
    known = (
        (turn.status, labels.STATUSES, explanations.STATUSES),
        (turn.failure_reason, labels.FAILURES, explanations.FAILURES),
        (turn.finish_reason, labels.FINISH_REASONS, explanations.FINISHES),
        (turn.delivery_state, labels.DELIVERY_STATES, explanations.DELIVERIES),
    )
    for value, names, words in known:
        if (found := explained(value, words)) is not None:
            yield labels.label(value, names), found


def _steps(drawn: Timeline) -> Iterator[StepItem]:
    numbers: Counter[str] = Counter()
    for bar in drawn.bars:
        kind = bar.step.kind
        numbers[kind] += 1
        length = labels.duration(bar.length_ms)
        yield StepItem(
            label=step_label(bar, numbers[kind]),
            detail=step_detail(bar),
            kind=kind,
            x=bar.x,
            width=bar.width,
            start=labels.duration(bar.start_ms),
            length=length if bar.step.end else _("{length}째", length=length),
            at=bar.step.start,
        )


def _links(turn: ReadTurn, relatives: Sequence[Relative]) -> Iterator[Link]:
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


def _vote(vote: GivenVote, turn: ReadTurn, keys: ObjectKeys) -> VoteItem:
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


def _post(post: ShownPost) -> PostItem:
    return PostItem(
        number=post.part + 1,
        state=labels.label(post.state, POST_STATES),
        was_live=post.was_live,
        begun_at=post.created_at,
        changed_at=post.updated_at,
    )
