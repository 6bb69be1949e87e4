"""The accept: utterances stored in Postgres, each once, in one statement."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import NoResultFound

from bot.domain.turns import Utterance
from bot.store import early_jobs, recent_events
from bot.store.conversations import ConversationState
from bot.store.early_jobs import EarlyJob, job_payloads, job_values
from bot.store.reply_handles import dump_handle, stamp
from bot.store.waiting_turns import WaitingConversation, only_turn
from runtime.direct import AnyConnection

_KEYS = ("messengers", "tenants", "event_keys")
#: The accept: conversations, turns and deliveries in one committed statement, at most one turn of
#: a conversation. The seq is taken under the conversation's row lock, and locks are always taken in
#: the same order. The unsettled turns are counted under that lock, by a function that also sees
#: what was committed while this statement waited for it. A repeated event changes nothing.
_ACCEPT = """
    WITH utterance AS (
        SELECT * FROM json_to_recordset(CAST(:utterances AS json)) AS utterance (
            id uuid, messenger text, tenant text, key text, event_key text, sender text,
            text text, media jsonb, reply_handle jsonb, via text,
            received_at timestamptz, not_before timestamptz, callback_until timestamptz,
            expires_at timestamptz, room text, prompt text, regenerates uuid, continues uuid,
            idle_after_s float8, max_waiting bigint{fields}
        )
        -- A scalar subquery, so that a plan made for a small table uses the index too.
        WHERE (
            SELECT true FROM turns
            WHERE turns.messenger = utterance.messenger AND turns.tenant = utterance.tenant
              AND turns.event_key = utterance.event_key
            LIMIT 1
        ) IS NULL
    ), conversation AS (
        INSERT INTO conversations (messenger, tenant, key, room)
        SELECT messenger, tenant, key, room FROM utterance ORDER BY messenger, tenant, key
        ON CONFLICT (messenger, tenant, key)
        DO UPDATE SET last_seq = conversations.last_seq + 1, updated_at = now(),
            room = excluded.room, (epoch, history_seq, idle_epoch) = (
                SELECT conversations.epoch + idle::int,
                    CASE WHEN idle THEN 0 ELSE conversations.history_seq END,
                    CASE WHEN idle THEN conversations.epoch + 1
                        ELSE conversations.idle_epoch END
                FROM (
                    SELECT conversations.history_seq > 0 AND EXISTS (
                        SELECT FROM utterance
                        WHERE utterance.messenger = conversations.messenger
                          AND utterance.tenant = conversations.tenant
                          AND utterance.key = conversations.key AND idle_after_s
                            < extract(epoch FROM now() - conversations.updated_at)
                    ) AS idle
                ) AS silence
            )
        RETURNING id, messenger, tenant, key, epoch, last_seq, history_seq,
            coalesce(human_until > now(), false) AS by_human
    ), counted AS (
        SELECT *, unsettled_turns(id) AS waiting FROM conversation
    ){chosen}, turn AS (
        INSERT INTO turns (id, conversation_id, seq, epoch, messenger, tenant, event_key, sender,
                           text, media, reply_handle, expires_at, received_at, prompt, regenerates,
                           continues{columns})
        SELECT utterance.id, counted.id, last_seq, epoch, messenger, tenant, event_key, sender,
               text, media, reply_handle, expires_at, received_at, prompt, regenerates,
               continues{values}
        FROM utterance JOIN counted USING (messenger, tenant, key){join}
        WHERE (max_waiting = 0 OR waiting < max_waiting) AND NOT by_human
        ON CONFLICT (messenger, tenant, event_key) DO NOTHING
        RETURNING id, conversation_id, seq, job_id
    ), delivery AS (
        INSERT INTO deliveries
            (turn_id, messenger, via, state, not_before, callback_until, expires_at)
        SELECT id, messenger, via, CASE via WHEN 'held' THEN 'held' ELSE 'pending' END,
               not_before, callback_until, expires_at
        FROM turn JOIN utterance USING (id)
    ){more}
    SELECT utterance.id, counted.id AS conversation_id, turn.seq, waiting, by_human, epoch,
        history_seq, CASE WHEN waiting = 0 AND history_seq > 0 THEN (
            SELECT settled_at FROM turns
            WHERE conversation_id = counted.id AND turns.seq = counted.history_seq
        ) END AS history_at, CAST(pg_current_xact_id() AS xid) AS version, turn.job_id
    FROM utterance JOIN counted USING (messenger, tenant, key)
    LEFT JOIN turn ON turn.id = utterance.id
"""
_PLAIN = dict.fromkeys(("fields", "chosen", "columns", "values", "join"), "")
_UTTERANCES = bindparam("utterances", type_=Text)
ACCEPT = text(_ACCEPT.format(**_PLAIN, more="")).bindparams(_UTTERANCES)
#: The same with people's pictures.
ACCEPT_PICTURES = text(
    _ACCEPT.format(
        **_PLAIN,
        more=""", picture AS (
        INSERT INTO turn_pictures (turn_id, position, media_type, data)
        SELECT turn.id, position, media_type, decode(data, 'base64')
        FROM turn JOIN json_to_recordset(CAST(:pictures AS json)) AS given (
            turn_id uuid, position int, media_type text, data text
        ) ON given.turn_id = turn.id
    )""",
    )
).bindparams(_UTTERANCES, bindparam("pictures", type_=Text))
#: The same with the jobs that were planned for utterances.
ACCEPT_JOBS = text(
    _ACCEPT.format(
        fields=early_jobs.FIELDS,
        chosen=early_jobs.CHOSEN,
        columns=early_jobs.COLUMNS,
        values=early_jobs.VALUES,
        join=early_jobs.JOIN,
        more=early_jobs.INSERT,
    )
).bindparams(_UTTERANCES, bindparam("payloads", type_=Text))

#: The turns of repeated events, all in one statement.
KNOWN = text(
    """
    SELECT wanted.number, known.id, known.conversation_id, known.seq
    FROM unnest(:messengers, :tenants, :event_keys)
        WITH ORDINALITY AS wanted (messenger, tenant, event_key, number)
    CROSS JOIN LATERAL (
        SELECT id, conversation_id, seq FROM turns
        WHERE turns.messenger = wanted.messenger AND turns.tenant = wanted.tenant
          AND turns.event_key = wanted.event_key
        LIMIT 1
    ) AS known
    ORDER BY wanted.number
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in _KEYS))


@dataclass(frozen=True, slots=True)
class Accepted:
    """A turn in the log. ``new`` is False for a repeated event."""

    turn_id: UUID
    conversation_id: int
    seq: int
    new: bool
    waiting: int = 0  #: the conversation's unsettled turns before this one, if it is new
    #: As a read would find it now, where this is its only unsettled turn and needs nothing else.
    conversation: WaitingConversation | None = None
    job_id: UUID | None = None  #: its job, if that was queued with the accept


class NotAccepted(StrEnum):
    """Why an utterance was not stored."""

    FULL = "full"  #: as many turns of its conversation as allowed are unsettled
    HUMAN = "human"  #: a human answers in its conversation


async def accept(
    connection: AnyConnection,
    utterances: Sequence[Utterance],
    *,
    max_waiting: Callable[[Utterance], int] = lambda _: 0,
    jobs: Sequence[EarlyJob | None] = (),
) -> list[Accepted | NotAccepted]:
    """Store each utterance as a turn, once per event key; the commit is the caller's.

    At most one utterance per conversation. ``max_waiting``: unsettled turns of the utterance's
    conversation; 0: no bound. ``jobs``: one or None for each utterance; empty: none at all. A job
    is queued with its turn if the conversation is as expected, and no utterance has pictures.
    """
    utterances = await recent_events.named(connection, utterances)
    ids = [uuid4() for _ in utterances]
    pairs = list(zip(ids, utterances, strict=True))
    bounds = {turn_id: max_waiting(utterance) for turn_id, utterance in pairs}
    planned = dict(zip(ids, jobs, strict=True)) if jobs else {}
    payload = orjson.dumps(
        [
            _accept_values(*pair)
            | {"max_waiting": bounds[pair[0]]}
            | job_values(planned.get(pair[0]))
            for pair in pairs
        ]
    ).decode()
    rows = {row.id: row for row in await _execute(connection, payload, pairs, jobs)}
    new = {
        turn_id: _new(rows[turn_id], utterance)
        for turn_id, utterance in pairs
        if turn_id in rows and rows[turn_id].seq is not None
    }
    refused = {
        turn_id: NotAccepted.HUMAN if row.by_human else NotAccepted.FULL
        for turn_id, row in rows.items()
        if turn_id not in new and (row.by_human or 0 < bounds[turn_id] <= row.waiting)
    }
    rest = [pair for pair in pairs if pair[0] not in new]
    known = await _known(connection, rest) if rest else {}
    # A turn was deleted in between: the batch is split, and its event accepted anew.
    if any(turn_id not in known and turn_id not in refused for turn_id, _ in rest):
        raise NoResultFound("an event that was accepted before is gone")
    return [new.get(turn_id) or known.get(turn_id) or refused[turn_id] for turn_id in ids]


def _new(row: Any, utterance: Utterance) -> Accepted:
    alone = not (row.waiting or utterance.media or utterance.regenerates or utterance.continues)
    return Accepted(
        row.id,
        row.conversation_id,
        row.seq,
        new=True,
        waiting=row.waiting,
        conversation=_waiting_conversation(row, utterance) if alone and not row.job_id else None,
        job_id=row.job_id,
    )


def _waiting_conversation(row: Any, utterance: Utterance) -> WaitingConversation:
    """The accept wrote both rows: its transaction is their version."""
    state = ConversationState(
        id=row.conversation_id,
        version=row.version,
        messenger=utterance.messenger,
        tenant=utterance.tenant,
        room=utterance.room,
        epoch=row.epoch,
        history_seq=row.history_seq,
        history_at=row.history_at,
    )
    return only_turn(utterance, state, turn_id=row.id, seq=row.seq)


async def _execute(
    connection: AnyConnection,
    payload: str,
    pairs: Sequence[tuple[UUID, Utterance]],
    jobs: Sequence[EarlyJob | None],
) -> Iterable[Any]:
    if not any(utterance.pictures for _, utterance in pairs):
        if not any(jobs):
            return await connection.execute(ACCEPT, {"utterances": payload})
        values = {"utterances": payload, "payloads": job_payloads(jobs)}
        return await connection.execute(ACCEPT_JOBS, values)
    pictures = orjson.dumps(
        [
            {
                "turn_id": str(turn_id),
                "position": position,
                "media_type": picture.media_type,
                "data": b64encode(picture.content).decode(),
            }
            for turn_id, utterance in pairs
            for position, picture in enumerate(utterance.pictures)
        ]
    ).decode()
    values = {"utterances": payload, "pictures": pictures}
    return await connection.execute(ACCEPT_PICTURES, values)


async def _known(
    connection: AnyConnection, pairs: Sequence[tuple[UUID, Utterance]]
) -> dict[UUID, Accepted]:
    """The turns of repeated events, by the id that each of these utterances would have got."""
    values = {
        "messengers": [utterance.messenger for _, utterance in pairs],
        "tenants": [utterance.tenant for _, utterance in pairs],
        "event_keys": [utterance.event_key for _, utterance in pairs],
    }
    rows = await connection.execute(KNOWN, values)
    return {
        pairs[row.number - 1][0]: Accepted(row.id, row.conversation_id, row.seq, new=False)
        for row in rows
    }


def _accept_values(turn_id: UUID, utterance: Utterance) -> dict[str, Any]:
    reply = utterance.reply
    return {
        "id": str(turn_id),
        "messenger": utterance.messenger,
        "tenant": utterance.tenant,
        "key": utterance.conversation_key,
        "event_key": utterance.event_key,
        "sender": utterance.sender,
        "text": utterance.text,
        "media": utterance.media,
        "reply_handle": dump_handle(reply),
        "received_at": stamp(utterance.received_at),
        "via": reply.via.value,
        "not_before": stamp(reply.sync_until or utterance.received_at),
        "callback_until": stamp(reply.callback_until),
        "expires_at": stamp(reply.expires_at),
        "room": utterance.room,
        "prompt": utterance.prompt,
        "regenerates": _text_or_none(utterance.regenerates),
        "continues": _text_or_none(utterance.continues),
        "idle_after_s": utterance.idle_after_s,
    }


def _text_or_none(turn_id: UUID | None) -> str | None:
    return str(turn_id) if turn_id else None
