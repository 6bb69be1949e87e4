"""What prompts are made with beside the turns: kept once, and named by its digest.

With it and the seqs of the history, the log tells what a model read without a second copy of
anybody's words: an erased turn is erased from the prompts that held it, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from hashlib import blake2s
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import prompt_settings
from inference_queue.protocol import SamplingParams
from runtime.direct import AnyConnection

#: Settings whose digest is remembered, each with its system prompt of some thousand characters.
MAX_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSettings:
    """The parts of a prompt that many prompts share."""

    preset: str
    system_prompt: str
    sampling: SamplingParams
    picture_prompt: str | None = None  #: read with pictures without a text; None: there are none
    adapter: str | None = None  #: the name of the LoRA weights that answer; None: the model's own

    @property
    def id(self) -> UUID:
        """The digest of all parts."""
        return _digest(self)


@lru_cache(MAX_REMEMBERED)  # the prompts of a bot have the same few
def _digest(settings: PromptSettings) -> UUID:
    parts: list[object] = [settings.preset, settings.system_prompt, asdict(settings.sampling)]
    parts.append(settings.picture_prompt)
    if settings.adapter:  # those without one keep their digests
        parts.append(settings.adapter)
    return UUID(bytes=blake2s(json.dumps(parts).encode(), digest_size=16).digest())


async def keep(
    connection: AnyConnection, wanted: Iterable[PromptSettings], *, kept: Collection[UUID]
) -> set[UUID]:
    """Store those that are not ``kept``; their ids, which are kept once the caller commits."""
    new = {one.id: one for one in wanted if one.id not in kept}
    if new:
        # In one order: two transactions that bring the same ones wait for each other.
        rows = [_row(new[digest]) for digest in sorted(new)]
        await connection.execute(insert(prompt_settings).values(rows).on_conflict_do_nothing())
    return set(new)


async def find(connection: AsyncConnection, settings_id: UUID) -> PromptSettings | None:
    """The settings of this id, or None."""
    columns = prompt_settings.c
    row = (
        await connection.execute(
            select(
                columns.preset,
                columns.system_prompt,
                columns.sampling,
                columns.picture_prompt,
                columns.adapter,
            ).where(columns.id == settings_id)
        )
    ).one_or_none()
    if row is None:
        return None
    known = {field.name for field in fields(SamplingParams)}  # of a newer version there are more
    values = {name: value for name, value in row.sampling.items() if name in known}
    sampling = SamplingParams(**{**values, "stop": tuple(values.get("stop", ()))})
    return PromptSettings(**{**row._mapping, "sampling": sampling})


def _row(settings: PromptSettings) -> dict[str, Any]:
    return {
        "id": settings.id,
        "preset": settings.preset,
        "system_prompt": settings.system_prompt,
        "sampling": asdict(settings.sampling),
        "picture_prompt": settings.picture_prompt,
        "adapter": settings.adapter,
    }
