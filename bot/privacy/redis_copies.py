"""Copies of deleted texts in Redis: histories of conversations, and token streams."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.store.history_cache import KEY
from inference_queue.token_stream import stream_keys

log = structlog.get_logger(__name__)


async def forget_copies(
    redis: Redis,
    windows: Iterable[tuple[int, int]],
    job_ids: Iterable[UUID] = (),
    *,
    within_s: float | None = None,
) -> None:
    """Delete the copies of conversations, given by id and epoch, and of jobs.

    Call it under the conversations' locks where their epoch goes on: else a prompt reads them in
    between. Errors of Redis are logged: the copies expire within an hour. ``within_s``: the longest
    wait for a Redis that hangs; None: as long as any call takes.
    """
    keys = [KEY.format(conversation=conversation, epoch=epoch) for conversation, epoch in windows]
    keys += [key for job_id in job_ids for key in stream_keys(job_id)]
    if not keys:
        return
    try:
        async with asyncio.timeout(within_s):
            await redis.delete(*keys)
    except (RedisError, OSError) as error:
        log.warning("erase_redis_failed", error=type(error).__name__)
