"""The messages that show answers: which exist, who writes them, what they are called there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Float, Integer, Text, Uuid, bindparam, text

from bot.domain.posts import FinishedPost, PostState
from runtime.database import LAZY_COMMIT_SQL
from runtime.direct import AnyConnection

_TURN_PART = (bindparam("turn_id", type_=Uuid), bindparam("part", type_=Integer))

#: A turn without an end, locked against settlements and erasures at work.
_OF_OPEN_TURN = """
    FROM conversations JOIN turns ON turns.conversation_id = conversations.id
    WHERE turns.id = :turn_id AND turns.status IN ('received', 'queued', 'generating')
    FOR SHARE OF conversations, turns
"""

#: An erased turn is not written, and the delivery of one that is stopped ends where no message was
#: begun.
BEGIN = text(
    f"""
    INSERT INTO posts (turn_id, part, room, state, writer, writer_until)
    SELECT turns.id, :part, :room, :state, :writer, now() + make_interval(secs => :seconds)
    {_OF_OPEN_TURN}
    ON CONFLICT (turn_id, part) DO NOTHING
    RETURNING part
    """
).bindparams(
    *_TURN_PART,
    bindparam("writer", type_=Uuid),
    bindparam("seconds", type_=Float),
    *(bindparam(name, type_=Text) for name in ("room", "state")),
)

#: The delivery's own: it has the claim.
ANNOUNCE = text(
    """
    INSERT INTO posts (turn_id, part, room, state)
    SELECT id, :part, :room, 'starting' FROM turns WHERE id = :turn_id FOR KEY SHARE
    ON CONFLICT (turn_id, part) DO NOTHING
    RETURNING part
    """
).bindparams(*_TURN_PART, bindparam("room", type_=Text))

_NOTED = """
    UPDATE posts
    SET state = {state}, message_id = coalesce(:message_id, message_id), updated_at = now(),
        writer_until = least(writer_until, now())
    WHERE turn_id = :turn_id AND part = :part AND state <> 'final'
"""
#: A message becomes final, as a part of the statement that records its delivery.
FINISH = _NOTED.format(state="'final'")
FINISH_VALUES = (bindparam("part", type_=Integer), bindparam("message_id", type_=Text))
_NOTE = f"{_NOTED.format(state=':state')} RETURNING part"
_NOTE_VALUES = (bindparam("state", type_=Text), bindparam("message_id", type_=Text))
NOTE = text(_NOTE).bindparams(*_TURN_PART, *_NOTE_VALUES)
#: Of a stream, without waiting for the disk: its bot knows its id without Postgres, and where both
#: die, the message is looked up, as one is whose bot died before it noted anything.
NOTE_BEGUN = text(f"{_NOTE}, {LAZY_COMMIT_SQL}").bindparams(*_TURN_PART, *_NOTE_VALUES)

#: A settlement either sees the hold or forbids it.
HOLD = text(
    f"""
    UPDATE posts SET writer_until = now() + make_interval(secs => :seconds)
    FROM (
        SELECT turns.id {_OF_OPEN_TURN}
    ) AS unsettled
    WHERE posts.turn_id = unsettled.id AND part = :part AND state <> 'final'
    RETURNING part
    """
).bindparams(*_TURN_PART, bindparam("seconds", type_=Float))

RELEASE = text(
    "UPDATE posts SET writer_until = now() WHERE turn_id = :turn_id AND part = :part"
).bindparams(*_TURN_PART)

REMOVE = text("DELETE FROM posts WHERE turn_id = :turn_id AND part = :part").bindparams(*_TURN_PART)

OF_TURN = text(
    """
    SELECT part, room, message_id, state, writer IS NOT NULL AS is_live,
        coalesce(writer_until > now(), false) AS is_held,
        extract(epoch FROM created_at)::float8 AS begun_at
    FROM posts WHERE turn_id = :turn_id ORDER BY part
    """
).bindparams(bindparam("turn_id", type_=Uuid))

#: A message that another turn has taken is not this one's.
TAKE = text(
    """
    UPDATE posts SET state = 'streaming', message_id = :message_id, updated_at = now()
    WHERE turn_id = :turn_id AND part = :part AND state <> 'final'
      AND NOT EXISTS (
        SELECT FROM posts AS other
        WHERE other.room = posts.room AND other.message_id = :message_id
          AND other.turn_id <> :turn_id
      )
    RETURNING part
    """
).bindparams(*_TURN_PART, bindparam("message_id", type_=Text))

OTHERS_STARTING = text(
    """
    SELECT EXISTS (
        SELECT FROM posts
        WHERE room = :room AND turn_id <> :turn_id AND message_id IS NULL AND writer_until > now()
    )
    """
).bindparams(bindparam("turn_id", type_=Uuid), bindparam("room", type_=Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message of a turn's answer."""

    part: int
    room: str
    message_id: str | None  #: None: it is not known whether the messenger shows it
    state: PostState
    is_live: bool = False  #: it was begun before the answer was whole
    is_held: bool = False  #: a call of the bot that writes it live may be under way
    begun_at: float = 0.0  #: Unix seconds


async def begin(
    connection: AnyConnection, turn_id: UUID, room: str, *, writer: UUID, seconds: float
) -> bool:
    """Take the right to write the answer's first message live; False: another has it."""
    values = {
        "turn_id": turn_id,
        "part": 0,
        "room": room,
        "state": PostState.STARTING.value,
        "writer": writer,
        "seconds": seconds,
    }
    return (await connection.scalar(BEGIN, values)) is not None


async def announce(connection: AnyConnection, turn_id: UUID, part: int, room: str) -> bool:
    """Record that a message is about to be posted; False: it has begun, or its turn is gone.

    Waits for a live writer that begins at the same moment.
    """
    values = {"turn_id": turn_id, "part": part, "room": room}
    return (await connection.scalar(ANNOUNCE, values)) is not None


async def note(
    connection: AnyConnection,
    turn_id: UUID,
    part: int,
    state: PostState,
    message_id: str | None = None,
) -> bool:
    """Record the state of a message, and its id once it is known; False: it is final, or gone.

    A stream's may be lost when Postgres dies.
    """
    values = {"turn_id": turn_id, "part": part, "state": state.value, "message_id": message_id}
    statement = NOTE_BEGUN if state is PostState.STREAMING else NOTE
    return (await connection.scalar(statement, values)) is not None


def finish_values(finished: FinishedPost) -> dict[str, Any]:
    """The values of ``FINISH``, without the turn's id."""
    return {"part": finished.part, "message_id": finished.message_id}


async def hold(connection: AnyConnection, turn_id: UUID, part: int, *, seconds: float) -> bool:
    """Keep the delivery waiting for a call that changes the message; False: the answer is whole."""
    values = {"turn_id": turn_id, "part": part, "seconds": seconds}
    return (await connection.scalar(HOLD, values)) is not None


async def release(connection: AnyConnection, turn_id: UUID, part: int) -> None:
    """Let the delivery go on: the call is over."""
    await connection.execute(RELEASE, {"turn_id": turn_id, "part": part})


async def take(connection: AnyConnection, turn_id: UUID, part: int, message_id: str) -> bool:
    """Record which message shows a part; False: that one shows another turn, or the part is done.

    So two turns of one thread, both of which lost sight of their messages, never share one.
    """
    values = {"turn_id": turn_id, "part": part, "message_id": message_id}
    return (await connection.scalar(TAKE, values)) is not None


async def others_starting(connection: AnyConnection, turn_id: UUID, room: str) -> bool:
    """Whether the room may show a message of another turn that is not recorded yet."""
    return bool(await connection.scalar(OTHERS_STARTING, {"turn_id": turn_id, "room": room}))


async def remove(connection: AnyConnection, turn_id: UUID, part: int) -> None:
    """Forget a message that certainly is not shown."""
    await connection.execute(REMOVE, {"turn_id": turn_id, "part": part})


async def of_turn(connection: AnyConnection, turn_id: UUID) -> dict[int, Post]:
    """The messages of a turn, by their part."""
    rows = await connection.execute(OF_TURN, {"turn_id": turn_id})
    return {row.part: _post(row) for row in rows}


def _post(row: Any) -> Post:
    return Post(
        part=row.part,
        room=row.room,
        message_id=row.message_id,
        state=PostState(row.state),
        is_live=row.is_live,
        is_held=row.is_held,
        begun_at=row.begun_at,
    )
