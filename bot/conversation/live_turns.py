"""The text of answers while they are written, for messengers that show it.

One reader for all turns of this bot: it asks Postgres who writes them, and Redis for their tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.live_runs import current_runs
from inference_queue.token_stream import Chunk, ContiguousText, Run, TokenStream
from runtime.direct import connect_directly
from runtime.periodic import FailureLog
from runtime.timeouts import run_with_timeout

#: How often it is asked who writes; a new answer is seen this late at most.
LOOK_EVERY_S = 0.2
LOOK_TIMEOUT_S = 2.0
#: How often it is asked of answers that have begun: another worker goes on hardly ever.
LOOK_AGAIN_EVERY_S = 1.0
#: The pause between two reads. Each names all the streams: with hundreds of them, a read for every
#: piece would take the loop's whole time. A worker writes a piece every 80 ms.
READ_EVERY_S = 0.05
#: A text that rests is read again so long before it is needed: twice.
WARM_UP_S = 2 * READ_EVERY_S
#: The longest text that is kept of one answer: 48 KiB at two bytes a character.
MAX_CHARS = 24_000


class LiveTurn:
    """The answer of one turn as far as it is written."""

    def __init__(self) -> None:
        self.text = ""
        self.restarts = 0  #: how often a worker began the answer anew
        self.changed = asyncio.Event()
        self.run: Run | None = None
        self.after = ""  #: the id of the last chunk that was read
        self.rests_until = 0.0  #: monotonic; nobody needs its text before
        self._contiguous = ContiguousText()  #: of this run

    def rest(self, seconds: float) -> None:
        """Nobody needs newer text before so many seconds; it is as new as ever then."""
        self.rests_until = time.monotonic() + seconds - WARM_UP_S

    def begin(self, run: Run) -> None:
        """Follow another run: its text begins anew."""
        if self.text:
            self.restarts += 1
        self.run, self.after, self.text = run, "", ""
        self._contiguous = ContiguousText()

    def add(self, chunk: Chunk) -> None:
        """Add a chunk; beyond the maximum, and behind a lost piece, nothing is kept."""
        text = self._contiguous.take(chunk)
        if text and len(self.text) < MAX_CHARS:
            self.text = (self.text + text)[:MAX_CHARS]
            self.changed.set()


class LiveTurns:
    """Follows turns of this bot. Without Redis their text stays empty."""

    def __init__(self, *, database: AsyncEngine, redis: Redis) -> None:
        self._database = database
        self._tokens = TokenStream(redis)
        self._turns: dict[UUID, LiveTurn] = {}
        self._any = asyncio.Event()
        self._look_at = self._look_again_at = 0.0

    @contextlib.contextmanager
    def following(self, turn_id: UUID) -> Iterator[LiveTurn]:
        """The turn's text, kept current inside the context; one follower per turn."""
        turn = self._turns[turn_id] = LiveTurn()
        self._any.set()
        try:
            yield turn
        finally:
            if self._turns.get(turn_id) is turn:
                del self._turns[turn_id]

    async def keep_reading(self) -> None:
        """Read the tokens of all followed turns, until cancelled."""
        failures = FailureLog("live_turns")
        while True:
            if not self._turns:
                self._any.clear()
                await self._any.wait()
            with failures.guard():
                await self._look()
            await self._read()
            await asyncio.sleep(READ_EVERY_S)

    async def _look(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        asked = [turn_id for turn_id, turn in self._turns.items() if not turn.text]
        if now >= self._look_again_at:
            self._look_again_at = now + LOOK_AGAIN_EVERY_S
            asked = list(self._turns)
        if not asked:
            return
        runs = await run_with_timeout(LOOK_TIMEOUT_S, self._runs(asked))
        for turn_id, run in runs.items():
            turn = self._turns.get(turn_id)
            if turn is not None and turn.run != run:
                turn.begin(run)

    async def _runs(self, turn_ids: Sequence[UUID]) -> dict[UUID, Run]:
        async with connect_directly(self._database) as connection:
            return await current_runs(connection, turn_ids)

    async def _read(self) -> None:
        now = time.monotonic()
        followed = {
            turn.run: turn
            for turn in self._turns.values()
            if turn.run is not None and turn.rests_until <= now
        }
        wanted = {run: turn.after for run, turn in followed.items()}
        new = await self._tokens.read_new_of_many(wanted)
        for run, chunks in new.items():
            turn = followed[run]
            if turn.run == run:
                for chunk in chunks:
                    turn.add(chunk)
                turn.after = chunks[-1].id
