"""A channel that is slow, odd or broken delays neither the others nor the next look."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.alerts import channels, mail
from bot.admin.alerts.channels import Channels, origins
from bot.admin.alerts.conditions import MAX_DEAD, Conditions
from bot.admin.alerts.telling import AlertTeller
from bot.admin.alerts.watch import AlertWatch
from bot.http.outbound import OutboundClient
from bot.settings import Settings
from bot.store import alerts
from tests.support.admin import no_workers
from tests.support.sample_turns import add_turn
from tests.support.tls import Authority

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WAIT_S = 60
#: So many late answers that another alert fires.
LATE = text(
    """
    INSERT INTO statistics (step_s, starts_at, messenger, tenant, judged, in_time)
    VALUES (60, date_trunc('minute', now()), 'kakao', 'shop', 100, 0)
    """
)


@pytest.fixture
async def transactions(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


class Channel:
    """A webhook that does as ``handler`` does; ``posts`` has an entry for each message."""

    def __init__(self, handler: Handler) -> None:
        self.posts: asyncio.Queue[str] = asyncio.Queue()
        app = web.Application()
        app.router.add_post("/hook", self._take)
        app.router.add_post("/elsewhere", self._refused_redirect)
        self.server = TestServer(app)
        self.followed = False
        self._handler = handler

    @property
    def url(self) -> str:
        return str(self.server.make_url("/hook"))

    async def _take(self, request: web.Request) -> web.StreamResponse:
        await self.posts.put((await request.json())["text"])
        return await self._handler(request)

    async def _refused_redirect(self, request: web.Request) -> web.StreamResponse:
        self.followed = True
        return web.Response()


async def well(request: web.Request) -> web.StreamResponse:
    return web.Response()


async def slow_head(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def slow_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"o")
    await asyncio.Event().wait()
    return response


async def no_body_after_the_head(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "9"})
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


async def endless_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b"o" * 65_536)
    return response


async def redirect(request: web.Request) -> web.StreamResponse:
    raise web.HTTPTemporaryRedirect("/elsewhere")


async def broken(request: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def cut_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


#: What the page says of the channel; "": the message has been taken.
HTTP_KINDS: dict[str, tuple[Handler, str]] = {
    "slow head": (slow_head, "no answer: "),
    "slow body": (slow_body, ""),
    "no body after the head": (no_body_after_the_head, ""),
    "endless body": (endless_body, ""),
    "redirect": (redirect, "HTTP 307"),
    "500": (broken, "HTTP 500"),
    "cut off": (cut_off, "no answer: "),
    "TLS error": (well, "not sent: "),
}


@contextlib.asynccontextmanager
async def started(handler: Handler, tls: Path | None = None) -> AsyncIterator[Channel]:
    channel = Channel(handler)
    context = Authority(tls).server().context() if tls else None
    await channel.server.start_server(
        ssl=context
    ) if context else await channel.server.start_server()
    try:
        yield channel
    finally:
        await channel.server.close()


@contextlib.asynccontextmanager
async def watching(
    database: AsyncEngine, settings: Settings
) -> AsyncIterator[tuple[AlertWatch, AlertTeller]]:
    """One bot's watch; what it has begun to tell is given up at the end."""
    conditions = Conditions(workers=no_workers(), data_dir=Path("/"))
    async with OutboundClient(origins(settings)) as client:
        teller = AlertTeller(database=database, channels=Channels(settings, client))
        kept = asyncio.create_task(teller.keep_open())
        await asyncio.sleep(0)
        try:
            yield AlertWatch(database=database, conditions=conditions, teller=teller), teller
        finally:
            kept.cancel()
            await asyncio.wait([kept])


async def die(database: AsyncEngine) -> None:
    """So many dead letters that an alert fires."""
    for number in range(MAX_DEAD + 1):
        await add_turn(database, key=f"room-{number}", delivery="failed")


async def failing(database: AsyncEngine) -> dict[str, str]:
    """The channels that fail, with what went wrong."""
    async with database.connect() as connection:
        return {one.name: one.detail for one in await alerts.failing_channels(connection)}


@pytest.mark.parametrize("kind", HTTP_KINDS)
async def test_an_odd_channel_is_told_of_and_the_other_hears_everything(
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler, detail = HTTP_KINDS[kind]
    if kind == "slow head":
        monkeypatch.setattr(channels, "POST_LIMITS", ClientTimeout(total=0.5))
    await die(database)
    async with started(handler, tmp_path if kind == "TLS error" else None) as odd:
        async with started(well) as other:
            settings = Settings.model_validate(
                {"alert_slack_url": odd.url, "alert_webhook_url": other.url}
            )
            async with watching(transactions, settings) as (watch, teller), asyncio.timeout(WAIT_S):
                await watch.look()
                await other.posts.get()
                await teller.wait()
                await watch.look()  # nothing is told again: one has heard it
                await teller.wait()
        assert not odd.followed
    assert other.posts.empty()
    found = await failing(transactions)
    assert found.get("slack", "").startswith(detail)
    assert set(found) == ({"slack"} if detail else set())


@pytest.mark.parametrize("kind", ["slow body", "endless body"])
async def test_a_status_is_enough_so_a_body_that_never_ends_is_told_once(
    database: AsyncEngine, transactions: AsyncEngine, kind: str
) -> None:
    await die(database)
    async with started(HTTP_KINDS[kind][0]) as odd:
        settings = Settings.model_validate({"alert_slack_url": odd.url})
        async with watching(transactions, settings) as (watch, teller), asyncio.timeout(WAIT_S):
            for _ in range(3):
                await watch.look()
                await teller.wait()
    assert odd.posts.qsize() == 1


async def test_while_a_channel_hangs_the_next_look_tells_the_others_what_is_new(
    database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await die(database)
    async with started(slow_head) as odd, started(well) as other:
        settings = Settings.model_validate(
            {"alert_slack_url": odd.url, "alert_webhook_url": other.url}
        )
        async with watching(transactions, settings) as (watch, _), asyncio.timeout(WAIT_S):
            await watch.look()
            assert "답변을 전달하지" in await odd.posts.get()
            assert "답변을 전달하지" in await other.posts.get()
            async with transactions.begin() as connection:
                await connection.execute(LATE)
            await watch.look()
            assert "기한보다 늦습니다" in await other.posts.get()
            assert "기한보다 늦습니다" in await odd.posts.get()


@contextlib.asynccontextmanager
async def dripping_mail_server() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Its greeting comes byte by byte, and never ends; the event: it has begun."""
    begun = asyncio.Event()
    writers: list[asyncio.StreamWriter] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            writer.write(b"220 ")
            while not writer.is_closing():
                writer.write(b".")
                await writer.drain()
                begun.set()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], begun
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


async def test_a_mail_server_that_drips_is_given_up_and_takes_no_thread_of_the_pool(
    database: AsyncEngine, transactions: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAIL_S", 0.3)
    await die(database)
    async with dripping_mail_server() as (port, begun), started(well) as other:
        settings = Settings.model_validate(
            {
                "alert_webhook_url": other.url,
                "alert_mail_to": "ops@example.com",
                "alert_smtp_url": f"smtp://127.0.0.1:{port}",
            }
        )
        async with watching(transactions, settings) as (watch, teller), asyncio.timeout(WAIT_S):
            await watch.look()
            await other.posts.get()
            await begun.wait()
            await teller.wait()
            assert await failing(transactions) == {"mail": "TimeoutError"}
            # What still drips holds up neither the pool nor the bot's exit.
            dripping = [one for one in threading.enumerate() if one.name == "alert mail"]
            assert dripping
            assert all(one.daemon for one in dripping)


async def test_mails_are_given_up_at_once_while_an_earlier_one_still_drips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mail, "MAIL_S", 0.3)
    async with dripping_mail_server() as (port, _begun), asyncio.timeout(WAIT_S):
        sender = mail.MailSender(f"smtp://127.0.0.1:{port}", "ops@example.com")
        assert await sender.send("하나") == "TimeoutError"
        monkeypatch.setattr(mail, "MAIL_S", 3600)
        assert await sender.send("둘") == "TimeoutError"


async def test_mails_one_right_behind_the_other_do_not_take_each_other_for_slow_ones() -> None:
    """The thread of one that has ended may not have ended yet."""
    sender = mail.MailSender("gopher://nowhere.test", "ops@example.com")
    ends = await asyncio.gather(*(sender.send("하나") for _ in range(100)))
    assert set(ends) == {"ValueError"}
