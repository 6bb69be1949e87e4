"""The log of the messages that show answers, kept in Postgres before and after each call."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.posts import FinishedPost, PostState
from bot.messengers.slack.answer_part import AnswerPart
from bot.store import posts
from bot.store.posts import Post
from runtime.direct import connect_directly
from runtime.timeouts import run_with_timeout

#: A statement that takes longer counts as failed.
TIMEOUT_S = 2.0
#: A writer whose call takes longer counts as dead.
WRITER_S = 8.0


class PostLog:
    """Reads and writes ``posts``. Each method raises database errors and TimeoutError."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database
        self._writer = uuid4()

    async def begin(self, turn_id: UUID, room: str) -> bool:
        """Take the right to write the turn's first message live; False: another has it."""
        return await run_with_timeout(TIMEOUT_S, self._begin(turn_id, room))

    async def announce(self, turn_id: UUID, part: int, room: str) -> bool:
        """Record that a message is about to be posted; False: it has begun, or its turn is gone."""
        return await run_with_timeout(TIMEOUT_S, self._announce(turn_id, part, room))

    async def note(
        self, turn_id: UUID, part: int, state: PostState, message_id: str | None = None
    ) -> bool:
        """Record a message's state; False: it is final, or its turn is gone."""
        return await run_with_timeout(TIMEOUT_S, self._note(turn_id, part, state, message_id))

    async def finish(self, part: AnswerPart, ts: str | None) -> FinishedPost | None:
        """Record that the message ``ts`` shows its part; the last one's is left to the outcome."""
        if part.number == part.count - 1:
            return FinishedPost(part=part.number, message_id=ts)
        await self.note(part.answer.turn_id, part.number, PostState.FINAL, ts)
        return None

    async def hold(self, turn_id: UUID, part: int) -> bool:
        """Keep the delivery waiting while a call changes a message; False: the answer is whole."""
        return await run_with_timeout(TIMEOUT_S, self._hold(turn_id, part))

    async def release(self, turn_id: UUID, part: int) -> None:
        """Let the delivery go on: the call is over."""
        await run_with_timeout(TIMEOUT_S, self._release(turn_id, part))

    async def take(self, turn_id: UUID, part: int, message_id: str) -> bool:
        """Record which message shows a part; False: it shows another turn, or the part is done."""
        return await run_with_timeout(TIMEOUT_S, self._take(turn_id, part, message_id))

    async def others_starting(self, turn_id: UUID, room: str) -> bool:
        """Whether the room may show a message of another turn that is not recorded yet."""
        return await run_with_timeout(TIMEOUT_S, self._others_starting(turn_id, room))

    async def remove(self, turn_id: UUID, part: int) -> None:
        """Forget a message that certainly is not shown."""
        await run_with_timeout(TIMEOUT_S, self._remove(turn_id, part))

    async def of_turn(self, turn_id: UUID) -> dict[int, Post]:
        """The turn's messages, by their part."""
        return await run_with_timeout(TIMEOUT_S, self._of_turn(turn_id))

    async def _begin(self, turn_id: UUID, room: str) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.begin(
                connection, turn_id, room, writer=self._writer, seconds=WRITER_S
            )

    async def _announce(self, turn_id: UUID, part: int, room: str) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.announce(connection, turn_id, part, room)

    async def _note(
        self, turn_id: UUID, part: int, state: PostState, message_id: str | None
    ) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.note(connection, turn_id, part, state, message_id)

    async def _hold(self, turn_id: UUID, part: int) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.hold(connection, turn_id, part, seconds=WRITER_S)

    async def _release(self, turn_id: UUID, part: int) -> None:
        async with connect_directly(self._database) as connection:
            await posts.release(connection, turn_id, part)

    async def _take(self, turn_id: UUID, part: int, message_id: str) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.take(connection, turn_id, part, message_id)

    async def _others_starting(self, turn_id: UUID, room: str) -> bool:
        async with connect_directly(self._database) as connection:
            return await posts.others_starting(connection, turn_id, room)

    async def _remove(self, turn_id: UUID, part: int) -> None:
        async with connect_directly(self._database) as connection:
            await posts.remove(connection, turn_id, part)

    async def _of_turn(self, turn_id: UUID) -> dict[int, Post]:
        async with connect_directly(self._database) as connection:
            return await posts.of_turn(connection, turn_id)
