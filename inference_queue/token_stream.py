"""The text of a running answer, as a Redis stream: shown while it is generated, kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from inference_queue.channels import TOKENS_KEY, TOKENS_MAX_CHUNKS, TOKENS_TTL_S
from inference_queue.schema import jobs
from runtime.circuit_breaker import CircuitBreaker

#: Chunks read in one call; a worker appends about a dozen a second.
MAX_CHUNKS_READ = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some characters of the answer, and their place in the stream."""

    id: str
    text: str


async def current_attempt(connection: AsyncConnection, job_id: UUID) -> int | None:
    """The number of the attempt at the job that runs now; None where there is no such job."""
    attempt: int | None = await connection.scalar(select(jobs.c.attempt).where(jobs.c.id == job_id))
    return attempt


class TokenStream:
    """Writes and reads the streams of all jobs. Redis errors are ignored: no stream is shown."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._breaker = CircuitBreaker()

    async def append(self, job_id: UUID, attempt: int, text: str) -> None:
        """Append a chunk of text to the stream of this attempt."""
        if self._breaker.is_open():
            return
        key = TOKENS_KEY.format(id=job_id, attempt=attempt)
        with self._breaker.guard():
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.xadd(key, {"text": text}, maxlen=TOKENS_MAX_CHUNKS)
                pipeline.expire(key, TOKENS_TTL_S)
                await pipeline.execute()

    async def read(self, job_id: UUID, attempt: int) -> str:
        """The text streamed by this attempt so far; empty where there is none."""
        key = TOKENS_KEY.format(id=job_id, attempt=attempt)
        try:
            chunks: list[Any] = await self._redis.xrange(key) or []
            return "".join(chunk["text"] for _, chunk in chunks)
        except (RedisError, OSError):
            return ""

    async def read_new(self, job_id: UUID, attempt: int, after: str = "") -> list[Chunk]:
        """The chunks behind the one whose id is ``after``, in their order."""
        if self._breaker.is_open():
            return []
        key = TOKENS_KEY.format(id=job_id, attempt=attempt)
        start = f"({after}" if after else "-"
        found: list[Any] = []
        with self._breaker.guard():
            found = list(await self._redis.xrange(key, min=start, count=MAX_CHUNKS_READ) or [])
        return [Chunk(chunk_id, fields["text"]) for chunk_id, fields in found]
