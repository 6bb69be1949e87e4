"""The text of a running answer as a Redis stream: shown during generation, not stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import Uuid, bindparam, select

from inference_queue.channels import TOKENS_KEY, TOKENS_MAX_CHUNKS, TOKENS_TTL_S
from inference_queue.reaper import MAX_ATTEMPTS
from inference_queue.schema import jobs
from runtime.circuit_breaker import CircuitBreaker
from runtime.direct import AnyConnection
from runtime.redis_client import sharing_pool
from runtime.redis_protocol import Command

#: A worker renews a stream's time so often, while it writes.
RENEW_S = 10.0
_BOUND = ("MAXLEN", "~", TOKENS_MAX_CHUNKS)
#: Chunks read in one call; a worker appends about a dozen a second.
MAX_CHUNKS_READ = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the answer, and its position in the stream."""

    id: str
    text: str
    #: The characters of the answer before it; None: a worker of the previous version wrote it.
    at: int | None = None


class ContiguousText:
    """The text of one run up to the first chunk that Redis lost."""

    def __init__(self) -> None:
        self._chars = 0  #: of all chunks so far
        self._has_gap = False

    def take(self, chunk: Chunk) -> str:
        """The text of the next chunk that was read; empty behind a lost one."""
        if not chunk.text:
            return ""
        self._has_gap |= chunk.at is not None and chunk.at != self._chars
        self._chars += len(chunk.text)
        return "" if self._has_gap else chunk.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a job, identified by its lease: a forgiven attempt's number is used again."""

    job_id: UUID
    attempt: int
    lease: int  #: the fencing token

    @property
    def key(self) -> str:
        """The stream's key, without the lease because the previous version reads it too."""
        return TOKENS_KEY.format(id=self.job_id, attempt=self.attempt)


def stream_keys(job_id: UUID) -> list[str]:
    """The keys of all streams that the job can have."""
    attempts = range(1, MAX_ATTEMPTS + 1)
    return [TOKENS_KEY.format(id=job_id, attempt=attempt) for attempt in attempts]


CURRENT_RUN = select(jobs.c.attempt, jobs.c.lease).where(
    jobs.c.id == bindparam("job_id", type_=Uuid), jobs.c.attempt > 0
)


async def current_run(connection: AnyConnection, job_id: UUID) -> Run | None:
    """The current or last run of the job; None: no such job, or it was never claimed."""
    row = (await connection.execute(CURRENT_RUN, {"job_id": job_id})).one_or_none()
    return Run(job_id=job_id, attempt=row.attempt, lease=row.lease) if row else None


class TokenStream:
    """Writes and reads the streams of all jobs. Redis errors are ignored: no stream is shown."""

    def __init__(self, redis: Redis) -> None:
        self._connection = sharing_pool(redis).shared
        self._breaker = CircuitBreaker()

    def append(self, run: Run, text: str, *, at: int | None = None, lasts: bool = False) -> None:
        """Append a chunk to the stream of this run; ``at``: the answer's characters before it.

        ``lasts``: the stream was there ``RENEW_S`` ago, so its time is left as it is. One that
        Redis has lost since does not begin anew, for it would have no end of its time. Such a
        chunk may wait a moment for others.
        """
        key = run.key
        position = () if at is None else ("at", at)
        fields = ("*", "text", text, "lease", run.lease, *position)
        if lasts:
            self._connection.send_soon(("XADD", key, "NOMKSTREAM", *_BOUND, *fields))
        else:
            self._connection.send(("XADD", key, *_BOUND, *fields), ("EXPIRE", key, TOKENS_TTL_S))

    async def read(self, run: Run) -> str:
        """The text streamed by this run so far, up to a piece that Redis lost."""
        try:
            [found] = await self._connection.execute(("XRANGE", run.key, "-", "+"))
        except (RedisError, OSError):
            return ""
        contiguous = ContiguousText()
        return "".join(contiguous.take(chunk) for chunk in _chunks(found, run))

    async def read_new(self, run: Run, after: str = "") -> list[Chunk]:
        """The chunks after the one with the id ``after``, in order."""
        if self._breaker.is_open():
            return []
        own: list[Chunk] = []
        with self._breaker.guard():
            # A page may hold another run's chunks alone.
            while not own and (found := await self._read_page(run, after)):
                own, after = _chunks(found, run), found[-1][0].decode()
        return own

    async def read_new_of_many(self, wanted: Mapping[Run, str]) -> dict[Run, list[Chunk]]:
        """The new chunks of many runs, each after the id given for it; empty without Redis."""
        if self._breaker.is_open() or not wanted:
            return {}
        by_key = {run.key: run for run in wanted}
        afters = [after or "0" for after in wanted.values()]
        new: dict[Run, list[Chunk]] = {}
        with self._breaker.guard():
            reading: Command = ("XREAD", "COUNT", MAX_CHUNKS_READ, "STREAMS", *by_key, *afters)
            [found] = await self._connection.execute(reading)
            # A map or pairs, by the protocol's version; nothing where nothing is new.
            for key, entries in found.items() if isinstance(found, dict) else found or ():
                run = by_key[key.decode()]
                # Another run's chunks are passed over: the last one read counts, whose it is.
                new[run] = [*_chunks(entries, run), Chunk(entries[-1][0].decode(), "")]
        return new

    async def _read_page(self, run: Run, after: str) -> list[Any]:
        start = f"({after}" if after else "-"
        reading = ("XRANGE", run.key, start, "+", "COUNT", MAX_CHUNKS_READ)
        [found] = await self._connection.execute(reading)
        return found or []


def _chunks(found: list[Any], run: Run) -> list[Chunk]:
    """The run's own: a worker that gave the job back, or lost it, wrote under the same key."""
    own = str(run.lease).encode()
    chunks = []
    for chunk_id, pairs in found:
        fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
        # A worker of the previous version names no lease.
        if fields.get(b"lease", own) == own:
            at = int(fields[b"at"]) if b"at" in fields else None
            chunks.append(Chunk(chunk_id.decode(), fields[b"text"].decode("utf-8", "replace"), at))
    return chunks
