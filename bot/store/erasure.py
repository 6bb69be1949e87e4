"""The erasure of everything that is kept about a person, in small transactions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deliveries import ReplyHandle
from bot.domain.turns import Person
from bot.store.turn_outcomes import read_reply_handle

#: Turns deleted in one transaction: a few milliseconds, with what hangs on them.
BATCH = 200

_PERSON = tuple(bindparam(name, type_=Text) for name in ("messenger", "tenant", "sender"))
_OF_THE_PERSON = "messenger = :messenger AND tenant = :tenant AND sender = :sender"

#: Few turns are unsettled: each is followed to the question that it asks again.
UNSETTLED = text(
    """
    WITH RECURSIVE asked AS (
        SELECT id, sender, regenerates FROM turns
        WHERE messenger = :messenger AND tenant = :tenant
          AND status IN ('received', 'queued', 'generating')
        UNION ALL
        SELECT asked.id, earlier.sender, earlier.regenerates
        FROM asked JOIN turns AS earlier ON earlier.id = asked.regenerates
    )
    SELECT DISTINCT id FROM asked WHERE sender = :sender
    """
).bindparams(*_PERSON)

#: With the turns in which others have the person's question answered again. A new epoch for each
#: conversation: what Redis still holds of the old one enters no prompt.
#: Locked first, as all others do: conversations in the accept's order, and deliveries. The jobs
#: are deleted afterwards: a settlement locks them before their conversations.
ERASE_TURNS = text(
    f"""
    WITH RECURSIVE chosen AS MATERIALIZED (
        SELECT id, conversation_id FROM turns WHERE {_OF_THE_PERSON} LIMIT {BATCH}
    ), doomed AS (
        SELECT id, conversation_id FROM chosen
        UNION
        SELECT again.id, again.conversation_id
        FROM turns AS again JOIN doomed ON again.regenerates = doomed.id
    ), held AS MATERIALIZED (
        SELECT id FROM conversations
        WHERE id IN (SELECT conversation_id FROM doomed)
        ORDER BY messenger, tenant, key
        FOR UPDATE
    ), conversation AS (
        UPDATE conversations SET epoch = epoch + 1, history_seq = 0
        WHERE id IN (SELECT id FROM held)
        RETURNING id, epoch
    ), delivery AS MATERIALIZED (
        SELECT turn_id FROM deliveries
        WHERE turn_id IN (SELECT id FROM doomed) AND EXISTS (SELECT FROM held)
        ORDER BY turn_id
        FOR UPDATE
    ), gone AS (
        DELETE FROM turns
        WHERE id IN (SELECT id FROM doomed)
          AND conversation_id IN (SELECT id FROM held)
          AND (SELECT count(*) FROM delivery) >= 0
        RETURNING id, job_id, reply_handle
    ), unfinished AS (
        SELECT gone.id, gone.reply_handle, posts.message_id
        FROM posts JOIN gone ON gone.id = posts.turn_id
        WHERE posts.message_id IS NOT NULL
          AND (posts.state <> 'final' OR posts.turn_id = ANY(:stopped))
        FOR UPDATE OF posts
    )
    SELECT (SELECT count(*) FROM chosen) AS chosen, (SELECT count(*) FROM gone) AS turns,
        array(SELECT id FROM conversation) AS conversation_ids,
        array(SELECT epoch - 1 FROM conversation) AS epochs,
        array(SELECT job_id FROM gone WHERE job_id IS NOT NULL) AS job_ids,
        coalesce((SELECT jsonb_agg(to_jsonb(unfinished)) FROM unfinished), '[]') AS unfinished
    """
).bindparams(*_PERSON, bindparam("stopped", type_=ARRAY(Uuid)))

ERASE_JOBS = text("DELETE FROM jobs WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)

#: What the model read of other people's turns may quote the person: messages that were merged, the
#: thread before a mention. Their own words are in ``text``; the old epoch enters no later prompt.
ERASE_QUOTES = text(
    """
    UPDATE turns SET prompt = NULL
    WHERE conversation_id = :id AND prompt IS NOT NULL AND sender <> :sender
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("sender", type_=Text))

#: Those without any turn left; in a room other people's turns stay.
ERASE_CONVERSATIONS = text(
    """
    DELETE FROM conversations WHERE id = ANY(:ids)
      AND NOT EXISTS (SELECT FROM turns WHERE turns.conversation_id = conversations.id)
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))

ERASE_VOTES = text(
    """
    DELETE FROM feedback USING turns
    WHERE feedback.voter = :sender AND turns.id = feedback.turn_id
      AND turns.messenger = :messenger AND turns.tenant = :tenant
    """
).bindparams(*_PERSON)

ERASE_NAMES = text(
    """
    UPDATE conversation_events SET actor = ''
    FROM conversations
    WHERE conversation_events.actor = :sender
      AND conversations.id = conversation_events.conversation_id
      AND conversations.messenger = :messenger AND conversations.tenant = :tenant
    """
).bindparams(*_PERSON)

ERASE_STOPS = text(
    """
    UPDATE turns SET stopped_by = ''
    WHERE messenger = :messenger AND tenant = :tenant AND stopped_by = :sender
    """
).bindparams(*_PERSON)

#: A workspace in an organisation has the tenant "organisation/workspace". The bot stays installed.
ERASE_INSTALLER = text(
    """
    DELETE FROM slack_installations
    WHERE :messenger = 'slack' AND user_id = :sender
      AND :tenant IN (team_id, enterprise_id || '/' || team_id)
    """
).bindparams(*_PERSON)

RECEIPT = text(
    """
    INSERT INTO erasures (id, messenger, tenant, person, counts, actor)
    VALUES (:id, :messenger, :tenant, :person, :counts, :actor)
    """
).bindparams(
    bindparam("id", type_=Uuid),
    *(bindparam(name, type_=Text) for name in ("messenger", "tenant", "person", "actor")),
    bindparam("counts", type_=JSONB),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedBatch:
    """What one transaction deleted."""

    more: bool  #: there may be more: also what was accepted while it waited for a conversation
    turns: int
    windows: tuple[tuple[int, int], ...]  #: conversation id and its epoch before
    conversations: int = 0  #: deleted with their last turn
    job_ids: tuple[UUID, ...]  #: whose token streams may still be in Redis
    unfinished: tuple[tuple[ReplyHandle, str], ...] = ()  #: messages shown in part: place and id


async def unsettled_turns(connection: AsyncConnection, person: Person) -> list[UUID]:
    """The turns without a result that ask the person's questions."""
    return list((await connection.execute(UNSETTLED, _values(person))).scalars())


async def erase_turns(
    connection: AsyncConnection, person: Person, stopped: Collection[UUID] = ()
) -> ErasedBatch:
    """Delete up to ``BATCH`` of the person's turns, with all that hangs on them.

    Two erasures at once may choose the same turns: each goes on until it finds none. ``stopped``:
    turns that were stopped for it; what is shown of them counts as unfinished.
    """
    values = {**_values(person), "stopped": [*stopped]}
    row = (await connection.execute(ERASE_TURNS, values)).one()
    return ErasedBatch(
        more=row.chosen > 0,
        turns=row.turns,
        windows=tuple(zip(row.conversation_ids, row.epochs, strict=True)),
        job_ids=tuple(row.job_ids),
        unfinished=tuple(
            (read_reply_handle(UUID(post["id"]), post["reply_handle"]), post["message_id"])
            for post in row.unfinished
        ),
    )


async def erase_jobs(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Delete these jobs; their number."""
    return (await connection.execute(ERASE_JOBS, {"ids": list(ids)})).rowcount


async def erase_quotes(connection: AsyncConnection, person: Person, conversation_id: int) -> int:
    """Delete what others' turns in the conversation may quote; the number of these turns."""
    values = {"id": conversation_id, "sender": person.sender}
    return (await connection.execute(ERASE_QUOTES, values)).rowcount


async def erase_conversations(connection: AsyncConnection, ids: Sequence[int]) -> int:
    """Delete the conversations that have no turn left; their number."""
    return (await connection.execute(ERASE_CONVERSATIONS, {"ids": list(ids)})).rowcount


async def erase_mentions(connection: AsyncConnection, person: Person) -> int:
    """Delete the person's votes, and the name where it stopped or called; the votes' number."""
    votes = (await connection.execute(ERASE_VOTES, _values(person))).rowcount
    await connection.execute(ERASE_NAMES, _values(person))
    await connection.execute(ERASE_STOPS, _values(person))
    return votes


async def erase_installer(connection: AsyncConnection, person: Person) -> int:
    """Delete that the person has installed the app, with the person's own tokens; the rows."""
    return (await connection.execute(ERASE_INSTALLER, _values(person))).rowcount


async def write_receipt(
    connection: AsyncConnection, person: Person, counts: Mapping[str, int], actor: str
) -> UUID:
    """Record an erasure without its person's name; the receipt's id.

    ``actor``: who had it done; empty: the person.
    """
    values: dict[str, Any] = {
        "id": uuid4(),
        "messenger": person.messenger,
        "tenant": person.tenant,
        "person": person.key,
        "counts": dict(counts),
        "actor": actor,
    }
    await connection.execute(RECEIPT, values)
    return UUID(str(values["id"]))


def _values(person: Person) -> dict[str, Any]:
    return {"messenger": person.messenger, "tenant": person.tenant, "sender": person.sender}
