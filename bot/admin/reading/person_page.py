"""The page of a person: their conversations and their votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading.bounds import bounded
from bot.admin.reading.conversation_line import ConversationLine
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.turn_beside import REASONS, VOTES
from bot.admin.turns.filters import Cursor
from bot.admin.turns.queries import read_only
from bot.admin.web import labels
from bot.domain.turns import Person
from bot.privacy.masking import mask, pseudonym
from bot.store.reading import person as people
from bot.store.reading.person import PersonPart, PersonVote
from bot.store.reading.room import Room

#: Of a vote's note, in bytes of HTML.
MAX_NOTE_BYTES = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteLine:
    """A vote that the person gave."""

    turn_id: UUID
    mark: str
    reasons: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    """What the page of a person shows."""

    name: str  #: the pseudonym
    count: int
    has_more: bool  #: than ``count``
    conversations: Sequence[ConversationLine]
    older: str  #: the cursor of the next page; "" at the end
    votes: Sequence[VoteLine]


async def load(
    database: AsyncEngine, person: Person, after: Cursor | None
) -> tuple[int, PersonPart, Sequence[PersonVote]]:
    """The number of the person's turns, a part of them, and the newest votes."""
    below = (after.received_at, after.id) if after else None
    async with read_only(database) as connection:
        count = await people.count_turns(connection, person)
        part = await people.read_part(connection, person, below)
        return count, part, await people.votes_of(connection, person)


def compose(
    person: Person, count: int, part: PersonPart, votes: Sequence[PersonVote], keys: ObjectKeys
) -> PersonPage:
    """The page. Masks: not for the event loop."""
    place = {"messenger": person.messenger, "tenant": person.tenant}
    return PersonPage(
        name=pseudonym(person.messenger, person.tenant, person.sender),
        count=count,
        has_more=count == people.MAX_COUNTED,
        conversations=[
            ConversationLine(
                id=one.id,
                name=pseudonym(person.messenger, person.tenant, one.key),
                room_key=keys.of_room(Room(**place, name=one.room)) if one.room else "",
                turns=one.turns,
                before=one.newest_seq + 1,
                since=one.oldest_at,
                until=one.newest_at,
            )
            for one in part.conversations
        ],
        older=str(Cursor(*part.last)) if part.last else "",
        votes=[_vote(vote) for vote in votes],
    )


def _vote(vote: PersonVote) -> VoteLine:
    note = mask(vote.note)
    shown = bounded(note, MAX_NOTE_BYTES)
    return VoteLine(
        turn_id=vote.turn_id,
        mark=VOTES.get(vote.vote, vote.vote),
        reasons=", ".join(labels.label(reason, REASONS) for reason in vote.reasons),
        note=shown + ("…" if len(shown) < len(note) else ""),
        at=vote.updated_at,
    )
