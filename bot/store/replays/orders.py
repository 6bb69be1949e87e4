"""Replays as they are ordered, filled with turns, stopped and resumed; commits by the caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Text, bindparam, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.replays import ReplayOptions, ReplayState
from bot.store.one_at_a_time import one_at_a_time
from bot.store.replays import adding
from bot.store.replays.adding import Added
from bot.store.replays.records import Replay, read_replay
from bot.store.schema import replays
from inference_queue.background import client

#: The cursor of a replay whose turns are all found.
COLLECTED = "end"
#: The maximum of turns in a replay.
MAX_TURNS = 2_000
#: Replays that go on, over all authors: each takes its steps in every round.
MAX_OPEN = 20
_OPEN = (ReplayState.COLLECTING.value, ReplayState.RUNNING.value)
#: Fits a BIGINT.
_SEEDS = 2**63 - 1


class TooManyOpenError(Exception):
    """MAX_OPEN replays go on already."""


#: A change of one replay; False: it does not apply.
Change = Callable[[AsyncConnection, int], Awaitable[bool]]

_STOP_ITEMS = text(
    "UPDATE replay_items SET state = 'waiting', job_id = NULL "
    "WHERE replay_id = :id AND state = 'queued'"
).bindparams(bindparam("id", type_=BigInteger))
_RESUME = text(
    """
    UPDATE replays SET ended_at = NULL,
        state = CASE WHEN cursor = :collected THEN 'running' ELSE 'collecting' END
    WHERE id = :id AND state = 'stopped'
    """
).bindparams(bindparam("id", type_=BigInteger), bindparam("collected", type_=Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReplay:
    """What somebody orders."""

    name: str
    author: str
    options: ReplayOptions
    query: str = ""  #: the search whose turns are asked again
    max_turns: int = MAX_TURNS
    dataset_id: int | None = None  #: whose turns are asked again, in place of a search
    evaluation_id: int | None = None  #: the same, of an evaluation; not stored


async def order(connection: AsyncConnection, new: NewReplay, *, seed: int) -> int:
    """Order a replay of a search; its id. ``seed``: random, for the coin of each item.

    Raises TooManyOpenError.
    """
    return await _insert(connection, new, seed, state=ReplayState.COLLECTING)


async def order_turns(
    connection: AsyncConnection, new: NewReplay, *, seed: int, source: str, turn_ids: Sequence[UUID]
) -> int:
    """Order a replay of given turns, such as a data set's; its id.

    ``source``: where they are from, in words. Those without an answer, or whose pictures are not
    kept, are left out, and counted. Raises TooManyOpenError.
    """
    replay_id = await _insert(
        connection, new, seed, state=ReplayState.RUNNING, source=source, cursor=COLLECTED
    )
    await add_items(connection, replay_id, turn_ids, at_most=min(new.max_turns, MAX_TURNS))
    return replay_id


async def _insert(
    connection: AsyncConnection, new: NewReplay, seed: int, *, state: ReplayState, **more: str
) -> int:
    await _hold_room(connection)
    statement = insert(replays).values(
        name=new.name,
        author=new.author,
        state=state.value,
        query=new.query,
        max_turns=min(new.max_turns, MAX_TURNS),
        dataset_id=new.dataset_id,
        options=new.options.dump(),
        batch_id=uuid4(),
        seed=seed % _SEEDS,
        **more,
    )
    return int((await connection.execute(statement.returning(replays.c.id))).scalar_one())


async def add_items(
    connection: AsyncConnection, replay_id: int, turn_ids: Sequence[UUID], *, at_most: int
) -> int:
    """Add turns, in this order; how many are new. What cannot be asked again is counted."""
    added: Added = await adding.add_items(connection, replay_id, turn_ids, at_most=at_most)
    if added.left_out:
        await _count_left_out(connection, replay_id, added.left_out)
    return added.items


async def _count_left_out(
    connection: AsyncConnection, replay_id: int, more: Mapping[str, int]
) -> None:
    of_replay = replays.c.id == replay_id
    known = await connection.scalar(select(replays.c.left_out).where(of_replay)) or {}
    counts = dict(Counter(known) + Counter(more))
    await connection.execute(update(replays).where(of_replay).values(left_out=counts))


async def open_ids(connection: AsyncConnection) -> list[int]:
    """The replays that go on, the oldest first."""
    wanted = select(replays.c.id).where(replays.c.state.in_(_OPEN)).order_by(replays.c.id)
    return list((await connection.execute(wanted)).scalars())


async def lock_open(connection: AsyncConnection, replay_id: int) -> Replay | None:
    """Lock a replay that goes on; None: it does not, or another bot or request has it."""
    wanted = select(replays).where(replays.c.id == replay_id, replays.c.state.in_(_OPEN))
    row = (await connection.execute(wanted.with_for_update(skip_locked=True))).one_or_none()
    return read_replay(row) if row else None


async def collected_to(connection: AsyncConnection, replay_id: int, cursor: str | None) -> None:
    """Note the place in the search; None: all turns are found, and the replay runs."""
    values: dict[str, Any] = {"cursor": COLLECTED, "state": ReplayState.RUNNING.value}
    if cursor is not None:
        values = {"cursor": cursor}
    await connection.execute(update(replays).where(replays.c.id == replay_id).values(values))


async def end(connection: AsyncConnection, replay_id: int) -> None:
    """Every turn has its result."""
    await connection.execute(
        update(replays)
        .where(replays.c.id == replay_id)
        .values(state=ReplayState.ENDED.value, ended_at=func.now())
    )


async def stop(connection: AsyncConnection, replay_id: int) -> bool:
    """Stop a replay and take back its jobs; False: it does not go on, or there is none."""
    wanted = select(replays).where(replays.c.id == replay_id, replays.c.state.in_(_OPEN))
    row = (await connection.execute(wanted.with_for_update())).one_or_none()
    if row is None:
        return False
    await client.cancel(connection, row.batch_id)
    await connection.execute(_STOP_ITEMS, {"id": replay_id})
    await connection.execute(
        update(replays)
        .where(replays.c.id == replay_id)
        .values(state=ReplayState.STOPPED.value, ended_at=func.now())
    )
    return True


async def resume(connection: AsyncConnection, replay_id: int) -> bool:
    """Let a stopped replay go on; False: it is not stopped, or there is none.

    Raises TooManyOpenError.
    """
    await _hold_room(connection)
    values = {"id": replay_id, "collected": COLLECTED}
    return bool((await connection.execute(_RESUME, values)).rowcount)


async def _hold_room(connection: AsyncConnection) -> None:
    """Every way into an open state comes through here, one at a time."""
    await one_at_a_time(connection, "replays")
    if len(await open_ids(connection)) >= MAX_OPEN:
        raise TooManyOpenError
