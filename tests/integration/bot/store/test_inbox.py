"""The accept statement itself: once per event key, numbered without gaps, locks in one order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only

from bot.domain.deliveries import DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance
from bot.store import inbox
from bot.store.inbox import Accepted
from bot.store.reply_handles import load_handle
from bot.store.waiting_turns import waiting_conversations
from runtime.database import connect_database

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


def utterance(event_key: str, *, key: str = "철수", via: str = "sync", **changed: str) -> Utterance:
    whole = Utterance(
        messenger="kakao",
        tenant="shop",
        conversation_key=key,
        event_key=event_key,
        sender="person",
        text="안녕하세요",
        media=({"type": "image"},),
        reply=ReplyHandle(
            via=DeliveryVia(via),
            address={"url": "https://example.com"},
            sync_until=NOON + timedelta(seconds=4),
            callback_until=NOON + timedelta(minutes=1),
            expires_at=NOON + timedelta(minutes=10),
        ),
        received_at=NOON,
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


async def accept(
    database: AsyncEngine, *utterances: Utterance, max_waiting: int = 0
) -> list[Accepted]:
    """The accepted ones: a refused one is left out."""
    async with database.begin() as connection:
        accepted = await inbox.accept(connection, utterances, max_waiting=lambda _: max_waiting)
    return [one for one in accepted if isinstance(one, Accepted)]


async def row(database: AsyncEngine, statement: str) -> dict[str, Any]:
    async with database.connect() as connection:
        return dict((await connection.execute(text(statement))).one()._mapping)


async def test_a_repeated_event_takes_no_number_of_its_conversation(database: AsyncEngine) -> None:
    for _ in range(3):
        [first] = await accept(database, utterance("e1"))
    [second] = await accept(database, utterance("e2"))
    assert (first.seq, first.new, second.seq, second.new) == (1, False, 2, True)


@pytest.mark.parametrize("answered", [None, "before", "long before"])
@pytest.mark.parametrize("fields", [{}, {"prompt": "남의 말", "room": "C1"}, {"via": "post"}])
async def test_an_accept_tells_what_a_read_would_find(
    database: AsyncEngine, answered: str | None, fields: dict[str, str]
) -> None:
    if answered:
        await accept(database, utterance("e1"))
        age = "1 minute" if answered == "before" else "2 hours"
        await settle_all(database, age)
    said = replace(utterance("e2", **fields), media=(), idle_after_s=3600.0)
    [accepted] = await accept(database, said)
    async with database.connect() as connection:
        [found] = await waiting_conversations(connection, [accepted.conversation_id])
    assert accepted.conversation == found
    assert (found.state.history_seq, found.state.epoch) == {
        None: (0, 0),
        "before": (1, 0),
        "long before": (0, 1),
    }[answered]


@pytest.mark.parametrize(
    "fields", [{"media": ({"type": "image"},)}, {"regenerates": uuid4()}, {"continues": uuid4()}]
)
async def test_an_accept_leaves_to_a_read_what_it_does_not_know(
    database: AsyncEngine, fields: dict[str, Any]
) -> None:
    plain = replace(utterance("e1"), media=())
    [accepted] = await accept(database, replace(plain, **fields))
    assert accepted.conversation is None
    await settle_all(database, "1 minute")
    first, second = [
        (await accept(database, replace(plain, event_key=event_key)))[0]
        for event_key in ("e2", "e3")
    ]
    assert first.conversation is not None
    assert second.conversation is None


async def settle_all(database: AsyncEngine, age: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text("UPDATE turns SET status = 'answered', settled_at = now()"))
        ago = f"now() - interval '{age}'"
        await connection.execute(
            text(f"UPDATE conversations SET history_seq = last_seq, updated_at = {ago}")
        )


@pytest.mark.parametrize("other", [{"messenger": "slack"}, {"tenant": "branch"}])
async def test_an_event_key_counts_within_its_messenger_and_tenant(
    database: AsyncEngine, other: dict[str, str]
) -> None:
    both = [utterance("e1", key="a"), utterance("e1", key="b", **other)]
    new = [*await accept(database, both[0]), *await accept(database, both[1])]
    assert [one.new for one in new] == [True, True]
    again = await accept(database, *both)
    assert [replace(one, new=False) for one in new] == again
    assert [replace(one, new=False) for one in new[::-1]] == await accept(database, *both[::-1])


async def test_conversations_are_locked_in_one_order_whatever_the_batch(
    database: AsyncEngine,
) -> None:
    """Else two batches that hold each other's next conversation end in a deadlock."""
    await accept(database, *(utterance(f"0 {key}", key=key) for key in "ab"))
    async with database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM conversations WHERE key = 'a' FOR UPDATE"))
        batch = [utterance("1 b", key="b"), utterance("1 a", key="a")]
        accepting = asyncio.create_task(accept(database, *batch))
        await until_blocked(database)
        async with database.begin() as other:
            free = text("SELECT 1 FROM conversations WHERE key = 'b' FOR UPDATE NOWAIT")
            assert (await other.execute(free)).scalar_one() == 1
    assert [one.seq for one in await accepting] == [2, 2]


async def test_an_event_that_two_transactions_bring_at_once_is_one_turn(
    database: AsyncEngine,
) -> None:
    """The second cannot see the first yet: it waits, finds the key taken and changes nothing."""
    async with database.begin() as connection:
        [first] = await inbox.accept(connection, [utterance("e1")])
        assert isinstance(first, Accepted)
        again = asyncio.create_task(accept(database, utterance("e1", text="다른 말")))
        await until_blocked(database)
    assert await again == [replace(first, new=False)]
    assert (await row(database, "SELECT text FROM turns"))["text"] == "안녕하세요"
    assert (await row(database, "SELECT turn_id FROM deliveries"))["turn_id"] == first.turn_id


async def until_blocked(database: AsyncEngine, transactions: int = 1) -> None:
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(30), database.connect() as connection:
        while int(await connection.scalar(waits) or 0) < transactions:
            await asyncio.sleep(0.01)


async def test_an_event_that_is_gone_is_never_taken_for_another(database: AsyncEngine) -> None:
    """Retention deletes one of two known turns between the statements of an accept."""
    both = [utterance(f"e {key}", key=key) for key in "ab"]
    first, _ = await accept(database, *both)

    async def delete() -> None:
        async with database.begin() as connection:
            await connection.execute(
                text("DELETE FROM turns WHERE id = :id"), {"id": first.turn_id}
            )

    def before_lookup(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "ORDINALITY" in statement:
            await_only(delete())

    event.listen(database.sync_engine, "before_cursor_execute", before_lookup)
    with pytest.raises(NoResultFound):
        await accept(database, *both)
    event.remove(database.sync_engine, "before_cursor_execute", before_lookup)
    assert [one.new for one in await accept(database, *both)] == [True, False]


async def test_everything_of_an_utterance_is_kept(database: AsyncEngine) -> None:
    await accept(database, utterance("e0"))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE conversations SET epoch = 7"))
        await connection.execute(text("DELETE FROM turns"))
    [accepted] = await accept(database, utterance("e1"))
    turn = await row(database, "SELECT * FROM turns")
    said = utterance("e1")
    assert (turn["id"], turn["seq"]) == (accepted.turn_id, accepted.seq)
    assert (turn["epoch"], turn["status"]) == (7, "received")
    assert turn["media"] == [{"type": "image"}]
    assert load_handle(turn["reply_handle"]) == said.reply
    for name in ("messenger", "tenant", "event_key", "sender", "text", "received_at"):
        assert turn[name] == getattr(said, name)
    assert turn["expires_at"] == said.reply.expires_at


@pytest.mark.parametrize(
    ("via", "state"),
    [("sync", "pending"), ("callback", "pending"), ("post", "pending"), ("held", "held")],
)
async def test_a_turn_is_accepted_with_its_delivery(
    database: AsyncEngine, via: str, state: str
) -> None:
    said = utterance("e1", via=via)
    [accepted] = await accept(database, said)
    delivery = await row(database, "SELECT * FROM deliveries")
    assert delivery["turn_id"] == accepted.turn_id
    assert (delivery["messenger"], delivery["via"], delivery["state"]) == ("kakao", via, state)
    # Until the sync window ends, only the webhook's response may deliver.
    assert delivery["not_before"] == said.reply.sync_until
    assert delivery["callback_until"] == said.reply.callback_until
    assert delivery["expires_at"] == said.reply.expires_at


# --- the bound of a conversation ----------------------------------------------


async def test_beyond_the_bound_nothing_is_stored_until_a_turn_is_settled(
    database: AsyncEngine,
) -> None:
    async def ask(event_key: str, **changed: str) -> list[Accepted]:
        return await accept(database, utterance(event_key, **changed), max_waiting=2)

    stored = [*await ask("e1"), *await ask("e2"), *await ask("e3")]
    assert [(one.seq, one.waiting) for one in stored] == [(1, 0), (2, 1)]
    assert await row(database, "SELECT count(*) AS turns FROM deliveries") == {"turns": 2}
    assert len(await ask("e4", key="영희")) == 1
    # A message that was accepted before is still recognized.
    [again] = await ask("e1")
    assert (again.turn_id, again.new) == (stored[0].turn_id, False)
    async with database.begin() as connection:
        await connection.execute(
            text("UPDATE turns SET status = 'answered' WHERE event_key = 'e1'")
        )
    [later] = await ask("e3")
    assert (later.new, later.waiting) == (True, 1)


async def test_each_utterance_of_a_batch_has_the_bound_of_its_scope(
    database: AsyncEngine,
) -> None:
    bounds = {"none": 0, "one": 1, "two": 2}
    taken: list[list[bool]] = []
    for number in range(3):
        batch = [utterance(f"{number} {room}", key=room, room=room) for room in bounds]
        async with database.begin() as connection:
            accepted = await inbox.accept(
                connection, batch, max_waiting=lambda said: bounds[said.room]
            )
        taken.append([isinstance(one, Accepted) for one in accepted])
    assert taken == [[True, True, True], [True, False, True], [True, False, False]]


async def test_transactions_that_wait_for_each_other_keep_the_bound(
    database_url: str, database: AsyncEngine
) -> None:
    """All of them begin before any turn is there to be seen: two bots, say."""
    await accept(database, utterance("e0"))
    wide = connect_database(database_url, pool_size=8)
    async with database.begin() as holder:
        await holder.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        racing = [
            asyncio.create_task(accept(wide, utterance(f"r{n}"), max_waiting=3)) for n in range(8)
        ]
        await until_blocked(database, 8)
    stored = [one for accepted in await asyncio.gather(*racing) for one in accepted]
    assert sorted(one.waiting for one in stored) == [1, 2]
    assert await row(database, "SELECT count(*) AS turns FROM turns") == {"turns": 3}
    await wide.dispose()
