"""The page of a conversation: consecutive turns as their person saw them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading.bounds import html_bytes
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.parts import AnswerDisplay
from bot.admin.reading.spoken import SpokenItem, spoken_item
from bot.admin.turns.queries import MAX_ID, read_only
from bot.admin.web.language import translate as _
from bot.domain.conversation_events import EventKind
from bot.privacy.masking import pseudonym
from bot.store.reading import conversation as stored
from bot.store.reading.conversation import Conversation, ConversationEvent, SpokenTurn
from bot.store.turn_outcomes import TurnOutcome, load_outcomes

PAGE_SIZE = 20
#: Of all turns of a page: with what stands around them it stays below 60 kB. Three of the longest
#: fit, which ``before_for`` counts on.
PAGE_BYTES = 46_000
#: A turn without its texts.
TURN_BYTES = 1_500

EVENTS: Mapping[str, str] = {
    EventKind.AI_NOTICE: "AI가 답변한다고 알렸습니다.",
    EventKind.HUMAN_CALLED: "상담원을 불렀습니다. 이때부터 봇은 답변하지 않습니다.",
    EventKind.HUMAN_LEFT: "다시 봇이 답변합니다.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What the database has for a page; ``turns`` in the order of reading from its anchor."""

    conversation: Conversation
    turns: Sequence[SpokenTurn]
    outcomes: Mapping[UUID, TurnOutcome]
    events: Sequence[ConversationEvent]
    ascends: bool  #: the anchor is at the beginning of the page, not at its end
    newest_seq: int  #: of the whole conversation; 0: it has no turns


@dataclass(frozen=True, slots=True, kw_only=True)
class EventItem:
    """What happened between two turns."""

    at: datetime
    sentence: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A turn, and what stands above it."""

    turn: SpokenItem
    events: Sequence[EventItem]
    begins_epoch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Consecutive turns, oldest first, and where the pages beside them begin."""

    entries: Sequence[Entry]
    events: Sequence[EventItem]  #: after the last turn
    older: int | None  #: ``before`` of the page above
    newer: int | None  #: ``after`` of the page below


async def load(
    database: AsyncEngine, conversation_id: int, *, before: int | None, after: int | None
) -> Slice | None:
    """The turns around an anchor; None: no such conversation."""
    if not 0 <= conversation_id <= MAX_ID:
        return None
    async with read_only(database) as connection:
        conversation = await stored.find_conversation(connection, conversation_id)
        if conversation is None:
            return None
        limit = PAGE_SIZE + 1
        if after is not None:
            rows = await stored.turns_after(connection, conversation_id, after, limit=limit)
        else:
            rows = await stored.turns_before(connection, conversation_id, before, limit=limit)
        newest = await stored.turns_before(connection, conversation_id, None, limit=1)
        since = min((row.received_at for row in rows), default=None)
        return Slice(
            conversation=conversation,
            turns=rows,
            outcomes=await load_outcomes(connection, [row.id for row in rows]),
            events=await stored.events_between(connection, conversation_id, since, None),
            ascends=after is not None,
            newest_seq=newest[0].seq if newest else 0,
        )


def compose(found: Slice, display: AnswerDisplay, keys: ObjectKeys) -> Page:
    """The page: as many turns as fit, from the anchor on. Masks: not for the event loop."""
    chosen = list(_fitting(found, display, keys))
    if not found.ascends:
        chosen.reverse()
    has_more = len(chosen) < len(found.turns)
    first, last = (chosen[0][0], chosen[-1][0]) if chosen else (None, None)
    has_older = bool(first) if found.ascends else has_more
    has_newer = last is not None and last.seq < found.newest_seq
    above = _above(found, chosen)
    events = _events(found, first, last if has_newer else None)
    return Page(
        entries=list(_entries(chosen, above, events)),
        events=[item for item in events if last is None or item.at >= last.received_at],
        older=first.seq if first and has_older else None,
        newer=last.seq if last and has_newer else None,
    )


def _fitting(
    found: Slice, display: AnswerDisplay, keys: ObjectKeys
) -> Iterator[tuple[SpokenTurn, SpokenItem]]:
    left = PAGE_BYTES
    for row in found.turns[:PAGE_SIZE]:
        item = spoken_item(row, found.outcomes.get(row.id), display, keys)
        left -= TURN_BYTES + item.bytes + html_bytes(item.person_key)
        if left < 0:
            break
        yield row, item


def _above(found: Slice, chosen: Sequence[tuple[SpokenTurn, SpokenItem]]) -> int | None:
    """The epoch of the turn above the page; None: it is not known, or there is none."""
    if found.ascends or len(chosen) == len(found.turns):
        return None
    return found.turns[len(chosen)].epoch


def _events(
    found: Slice, first: SpokenTurn | None, below: SpokenTurn | None
) -> Sequence[EventItem]:
    """Those of the page's time; a reset is a divider of its own."""
    conversation = found.conversation
    return [
        EventItem(
            at=event.at,
            sentence=_(EVENTS[event.kind]) if event.kind in EVENTS else event.kind,
            actor=(
                pseudonym(conversation.messenger, conversation.tenant, event.actor)
                if event.actor
                else ""
            ),
        )
        for event in found.events
        if event.kind != EventKind.RESET
        and (first is None or event.at >= first.received_at)
        and (below is None or event.at < below.received_at)
    ]


def _entries(
    chosen: Sequence[tuple[SpokenTurn, SpokenItem]],
    above: int | None,
    events: Sequence[EventItem],
) -> Iterator[Entry]:
    epoch, since = above, None
    for row, item in chosen:
        yield Entry(
            turn=item,
            events=[
                event
                for event in events
                if event.at < row.received_at and (since is None or event.at >= since)
            ],
            begins_epoch=epoch is not None and row.epoch != epoch,
        )
        epoch, since = row.epoch, row.received_at
