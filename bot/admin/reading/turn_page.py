"""The page of a turn: what its person saw, its steps to scale, its states in words, its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading import explanations
from bot.admin.reading.explanations import Explanation, explained
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.parts import AnswerDisplay
from bot.admin.reading.spoken import SpokenItem, spoken_item
from bot.admin.reading.timeline import Timeline, draw
from bot.admin.reading.turn_beside import (
    Link,
    PostItem,
    VoteItem,
    links_of,
    post_item,
    vote_item,
)
from bot.admin.reading.turn_facts import facts_of, moments_of, step_detail, step_label
from bot.admin.turns.queries import read_only
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.privacy.masking import pseudonym
from bot.store.reading import conversation as conversations
from bot.store.reading import turn as stored
from bot.store.reading.conversation import SpokenTurn
from bot.store.reading.room import Room
from bot.store.reading.turn import Attempt, GivenVote, ReadTurn, Relative, ShownPost
from bot.store.turn_outcomes import TurnOutcome, load_outcomes
from bot.store.turn_pictures import kept_positions

#: Votes on the page, and attempts among the facts.
MAX_VOTES, MAX_SHOWN_ATTEMPTS = 5, 20


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
    pictures: Sequence[int]  #: the places of those that are kept


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
    pictures: Sequence[int]  #: the numbers of those that are kept, from 1


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
            pictures=await kept_positions(connection, turn_id) if turn.media else (),
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
        links=list(links_of(turn, found.relatives)),
        votes=[vote_item(vote, turn, keys) for vote in found.votes[-MAX_VOTES:]],
        posts=[post_item(post) for post in found.posts],
        pictures=[position + 1 for position in found.pictures],
    )


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
