"""The shared connection to Valkey: answers, order, lost connections, frozen servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis, sharing_pool
from runtime.redis_connection import SharedConnection

LONG_S = 30.0


@pytest.fixture(params=["protocol=2", "protocol=3"])
async def redis(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """A client of each version of the protocol."""
    async with connect_redis(f"{redis_url}?{request.param}") as client:
        yield client


@pytest.fixture
def connection(redis: Redis) -> SharedConnection:
    return sharing_pool(redis).shared


class Freezer:
    """A way to Valkey that can stop, as that to a frozen server does."""

    def __init__(self, valkey: str, own: Path) -> None:
        self.url = f"unix://{own}"
        self.is_frozen = False
        self._valkey, self._own = valkey, own
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_unix_server(self._pass_on, self._own)
        try:
            yield
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(urlsplit(self._valkey).path)
        for source, target in ((reader, there[1]), (there[0], writer)):
            self._tasks.add(asyncio.create_task(self._copy(source, target)))

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.closing(target):
            while data := await source.read(65536):
                if not self.is_frozen:
                    target.write(data)


@pytest.fixture
async def freezer(redis_url: str, tmp_path: Path) -> AsyncIterator[Freezer]:
    freezer = Freezer(redis_url, tmp_path / "way.sock")
    async with freezer.running():
        yield freezer


async def test_every_caller_gets_its_own_answers(connection: SharedConnection) -> None:
    async def echo(number: int) -> list[bytes]:
        return await connection.execute(("ECHO", f"a{number}"), ("ECHO", f"b{number}"))

    answers = await asyncio.gather(*(echo(number) for number in range(200)))
    assert answers == [[f"a{number}".encode(), f"b{number}".encode()] for number in range(200)]


async def test_a_call_follows_what_was_sent_before_it(connection: SharedConnection) -> None:
    for number in range(50):  # the first of them wait for the connection
        connection.send(("RPUSH", "list", number))
    assert await connection.execute(("LRANGE", "list", 0, -1)) == [
        [str(number).encode() for number in range(50)]
    ]


async def test_calls_and_sent_commands_may_alternate(connection: SharedConnection) -> None:
    for number in range(20):
        connection.send(("SET", "key", number), ("INCR", "key"))
        calls = [connection.execute(("GET", "key"), ("ECHO", f"{number}")) for _ in range(2)]
        assert (
            await asyncio.gather(*calls) == [[f"{number + 1}".encode(), f"{number}".encode()]] * 2
        )


async def test_a_transaction_that_is_sent_is_done_and_answers_nobody_else(
    connection: SharedConnection,
) -> None:
    await connection.execute(("PING",))
    for number in range(20):
        connection.send_soon(("SET", "key", number))
        connection.send(("MULTI",), ("INCR", "key"), ("INCR", "key"), ("EXEC",))
        connection.send(("INCR", "key"))
        assert await connection.execute(("GET", "key")) == [f"{number + 3}".encode()]


async def test_what_has_time_keeps_its_order(connection: SharedConnection) -> None:
    for number in range(0, 30, 3):
        connection.send_soon(("RPUSH", "list", number))
        connection.send_soon(("RPUSH", "list", number + 1))
        connection.send(("RPUSH", "list", number + 2))
    connection.send_soon(("RPUSH", "list", 30))
    assert await connection.execute(("LRANGE", "list", 0, -1)) == [
        [str(number).encode() for number in range(31)]
    ]


async def test_what_has_time_leaves_soon_by_itself(
    redis: Redis, connection: SharedConnection
) -> None:
    connection.send_soon(("SET", "key", 1))
    async with asyncio.timeout(LONG_S):
        while await redis.get("key") is None:
            await asyncio.sleep(0.01)


async def test_a_refused_command_costs_the_others_nothing(connection: SharedConnection) -> None:
    connection.send(("SET", "text", "x"), ("LPUSH", "text", "y"))
    bad, good = ("LRANGE", "text", 0, -1), ("GET", "text")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await connection.execute(bad, good)
    refused, text = await connection.execute(bad, good, errors_in_place=True)
    assert isinstance(refused, ResponseError)
    assert text == b"x"


async def test_a_caller_that_gives_up_leaves_the_answers_to_the_others(
    connection: SharedConnection,
) -> None:
    await connection.execute(("PING",))
    gone = asyncio.create_task(connection.execute(("ECHO", "gone")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await connection.execute(("ECHO", "here")) == [b"here"]


async def test_a_connection_that_the_server_closes_is_replaced(
    redis: Redis, connection: SharedConnection
) -> None:
    [number] = await connection.execute(("CLIENT", "ID"))
    await redis.client_kill_filter(_id=str(number))
    assert await connection.execute(("ECHO", "again")) == [b"again"]
    assert await connection.execute(("CLIENT", "ID")) != [number]


async def test_without_a_server_calls_fail_and_what_is_sent_is_lost() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as nowhere:
        connection = sharing_pool(nowhere).shared
        for _ in range(2):
            connection.send(("PUBLISH", "channel", "1"))
            await connection.flush()
            with pytest.raises(RedisConnectionError):
                await connection.execute(("PING",))


async def test_a_frozen_server_ends_all_calls_and_one_that_thaws_is_used_again(
    freezer: Freezer,
) -> None:
    async with connect_redis(freezer.url) as redis:
        connection = sharing_pool(redis).shared
        await connection.execute(("PING",))
        freezer.is_frozen = True
        connection.send(("SET", "key", "lost"))
        calls = [connection.execute(("GET", "key")) for _ in range(3)]
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), LONG_S)
        assert {type(outcome) for outcome in outcomes} == {RedisTimeoutError}
        freezer.is_frozen = False
        assert await connection.execute(("GET", "key")) == [None]


async def test_closing_lets_out_what_was_sent(redis_url: str) -> None:
    async with connect_redis(redis_url) as first:
        sharing_pool(first).shared.send(("SET", "key", "kept"))
        sharing_pool(first).shared.send_soon(("SET", "other", "kept"))
    async with connect_redis(redis_url) as second:
        assert await second.mget("key", "other") == ["kept", "kept"]


async def test_a_subscriber_hears_again_after_its_connection_was_lost(redis: Redis) -> None:
    publisher = WakeupPublisher(redis, "channel")
    async with WakeupSubscriber(redis, "channel") as subscriber:
        first = await _listener(redis)
        await redis.client_kill_filter(_id=first)
        await _listener(redis, other_than=first)
        publisher.publish()
        await asyncio.wait_for(subscriber.wait(poll_s=10 * LONG_S), LONG_S)


async def test_what_was_handled_wakes_nobody(redis: Redis) -> None:
    publisher = WakeupPublisher(redis, "channel", interval_s=0.0)
    async with WakeupSubscriber(redis, "channel") as subscriber:
        await _listener(redis)
        publisher.publish("a")
        await _published_and_passed_on(redis)
        subscriber.handled(["a", "b"])
        publisher.publish("b")
        await publisher.close()
        heard = asyncio.create_task(subscriber.wait(poll_s=10 * LONG_S))
        await _published_and_passed_on(redis)
        assert not heard.done()  # though a later message has come
        for cause in ("b", "c"):
            publisher.publish(cause)
        await asyncio.wait_for(heard, LONG_S)


async def _published_and_passed_on(redis: Redis) -> None:
    """Return once a message sent now has come to a subscriber of the same kind."""
    async with WakeupSubscriber(redis, "other") as other:
        publisher = WakeupPublisher(redis, "other")
        async with asyncio.timeout(LONG_S):
            while dict(await redis.pubsub_numsub("other"))["other"] != 1:
                await asyncio.sleep(0.01)
        publisher.publish()
        await asyncio.wait_for(other.wait(poll_s=10 * LONG_S), LONG_S)


async def _listener(redis: Redis, *, other_than: str = "") -> str:
    """The id of the connection that listens, once there is one."""
    async with asyncio.timeout(LONG_S):
        while True:
            for client in await redis.client_list(_type="pubsub"):
                if client["sub"] == "1" and client["id"] != other_than:
                    return str(client["id"])
            await asyncio.sleep(0.01)
