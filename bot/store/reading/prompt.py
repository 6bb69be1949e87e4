"""What a model read: put together from its settings and the turns that the prompt held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import TurnStatus
from bot.store import prompt_settings
from bot.store.prompt_settings import PromptSettings
from bot.store.schema import turns

#: Older answers are counted up to here.
MAX_COUNTED = 1_000
#: Turns before the newest among which those that were merged into it are looked for.
MAX_BURST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """An answered turn of the prompt's history."""

    id: UUID
    seq: int
    text: str  #: as the model read it
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTurn:
    """A turn of the newest message, which may hold several that came in quick succession."""

    text: str
    media_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRecord:
    """What is kept of a prompt."""

    settings: PromptSettings | None  #: None: nothing was recorded
    history_seqs: Sequence[int]
    history: Sequence[PastTurn]  #: oldest first, without what was erased since
    asked: Sequence[AskedTurn]  #: oldest first
    prompt: str | None  #: the newest message, where it is not the text of the last of ``asked``
    older: int  #: answered turns of the same session before the history, up to ``MAX_COUNTED``


async def find_prompt(connection: AsyncConnection, turn_id: UUID) -> PromptRecord | None:
    """The record of a turn's prompt; None: no such turn."""
    columns = turns.c
    names = ("conversation_id", "seq", "epoch", "text", "prompt", "prompt_settings")
    found = await connection.execute(
        select(
            *(columns[name] for name in names),
            columns.history_seqs,
            func.jsonb_array_length(columns.media).label("media_count"),
        ).where(columns.id == turn_id)
    )
    row = found.one_or_none()
    if row is None:
        return None
    digest, seqs = row.prompt_settings, list(row.history_seqs or ())
    settings = await prompt_settings.find(connection, digest) if digest else None
    merged = await _merged_turns(connection, row.conversation_id, row.seq, turn_id)
    first = min(seqs, default=row.seq)
    return PromptRecord(
        settings=settings,
        history_seqs=seqs,
        history=await _past_turns(connection, row.conversation_id, seqs),
        asked=[*merged, AskedTurn(text=row.text, media_count=row.media_count)],
        prompt=row.prompt,
        older=await _count_older(connection, row.conversation_id, row.epoch, first),
    )


async def _past_turns(
    connection: AsyncConnection, conversation_id: int, seqs: Sequence[int]
) -> list[PastTurn]:
    columns = turns.c
    if not seqs:
        return []
    rows = await connection.execute(
        select(
            columns.id,
            columns.seq,
            func.coalesce(columns.prompt, columns.text).label("text"),
            columns.answer,
        )
        .where(
            columns.conversation_id == conversation_id,
            columns.seq == func.any(bindparam(None, list(seqs), ARRAY(BigInteger))),
        )
        .order_by(columns.seq)
    )
    return [PastTurn(**row._mapping) for row in rows]


async def _merged_turns(
    connection: AsyncConnection, conversation_id: int, seq: int, into: UUID
) -> list[AskedTurn]:
    columns = turns.c
    rows = await connection.execute(
        select(columns.text, func.jsonb_array_length(columns.media).label("media_count"))
        .where(
            columns.conversation_id == conversation_id,
            columns.seq.between(seq - MAX_BURST, seq - 1),
            columns.merged_into == into,
        )
        .order_by(columns.seq)
    )
    return [AskedTurn(**row._mapping) for row in rows]


async def _count_older(
    connection: AsyncConnection, conversation_id: int, epoch: int, before: int
) -> int:
    columns = turns.c
    older = (
        select(columns.seq)
        .where(
            columns.conversation_id == conversation_id,
            columns.seq < before,
            columns.epoch == epoch,
            columns.status == TurnStatus.ANSWERED.value,
        )
        .order_by(columns.seq.desc())
        .limit(MAX_COUNTED)
        .subquery()
    )
    return await connection.scalar(select(func.count()).select_from(older)) or 0
