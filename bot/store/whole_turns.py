"""Turns with their whole texts, by their ids: for exports and data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person

_BY_ID = text(
    """
    SELECT turns.id, turns.conversation_id, turns.seq, turns.epoch, turns.messenger, turns.tenant,
        turns.sender, turns.text, turns.prompt, turns.answer, turns.media <> '[]' AS has_media,
        turns.status, turns.failure_reason, turns.finish_reason, turns.model, turns.preset,
        turns.config_version, turns.regenerates, turns.continues, turns.prompt_tokens,
        turns.completion_tokens, turns.received_at, turns.settled_at,
        deliveries.state AS delivery_state, deliveries.delivered_at,
        (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND vote = 'good') AS good_votes,
        (SELECT count(*) FROM feedback WHERE turn_id = turns.id AND vote = 'bad') AS bad_votes
    FROM turns LEFT JOIN deliveries ON deliveries.turn_id = turns.id
    WHERE turns.id = ANY(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeTurn:
    """A turn with everything that is written of it. States are plain strings."""

    id: UUID
    conversation_id: int
    seq: int
    epoch: int
    messenger: str
    tenant: str
    sender: str
    text: str
    prompt: str | None  #: what the model read, where it is not ``text``
    answer: str | None
    has_media: bool
    status: str
    failure_reason: str | None
    finish_reason: str | None
    model: str | None
    preset: str | None
    config_version: int | None
    regenerates: UUID | None
    continues: UUID | None
    prompt_tokens: int | None
    completion_tokens: int | None
    received_at: datetime
    settled_at: datetime | None
    delivery_state: str | None
    delivered_at: datetime | None
    good_votes: int
    bad_votes: int

    @property
    def person(self) -> Person:
        """Who asked."""
        return Person(messenger=self.messenger, tenant=self.tenant, sender=self.sender)


async def whole_turns(connection: AsyncConnection, ids: Sequence[UUID]) -> Mapping[UUID, WholeTurn]:
    """Those of the turns that there are, by their ids."""
    found = await connection.execute(_BY_ID, {"ids": list(ids)})
    return {row.id: WholeTurn(**row._asdict()) for row in found}
