"""Alerts: told once over all bots, again where nobody sees to them, and seen to on a page."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientTimeout, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.admin.alerts import channels, mail
from bot.admin.alerts.channels import Channels, origins
from bot.admin.alerts.conditions import MAX_DEAD, AlertName, Conditions
from bot.admin.alerts.mail import send_mail
from bot.admin.alerts.telling import AlertTeller
from bot.admin.alerts.watch import AlertWatch
from bot.http.outbound import OutboundClient
from bot.settings import Settings
from bot.store import alerts
from bot.workers import WorkerRegistry
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis
from tests.support.admin import Client, StartAdmin, csrf_of, log_in, no_workers
from tests.support.audit import logged
from tests.support.sample_turns import add_turn

PAGE = "/admin/alerts"
#: Long enough after the end of an alert.
CALM = f"UPDATE alerts SET updated_at = updated_at - interval '{alerts.CALM_S} s'"


@pytest.fixture
async def transactions(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


class Room:
    """An HTTP server that takes what is posted, or refuses it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.may_answer = asyncio.Event()  #: cleared: it hangs
        self.may_answer.set()
        self.server = TestServer(web.Application())
        self.server.app.router.add_post("/{name}", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        self.got.append((request.match_info["name"], await request.json()))
        await self.may_answer.wait()
        return web.Response(status=self.status, headers=self.headers)

    def settings(self, *names: str) -> Settings:
        urls = {f"alert_{name}_url": str(self.server.make_url(f"/{name}")) for name in names}
        return Settings.model_validate(urls)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.server.start_server()
    yield made
    await made.server.close()


async def look(
    transactions: AsyncEngine, settings: Settings, workers: WorkerRegistry | None = None
) -> None:
    """One look of one bot."""
    conditions = Conditions(workers=workers or no_workers(), data_dir=Path("/"))
    async with OutboundClient(origins(settings)) as client:
        teller = AlertTeller(database=transactions, channels=Channels(settings, client))
        await AlertWatch(database=transactions, conditions=conditions, teller=teller).look()
        await teller.wait()


async def die(database: AsyncEngine) -> None:
    """So many dead letters that an alert fires."""
    for number in range(MAX_DEAD + 1):
        await add_turn(database, key=f"room-{number}", delivery="failed")


async def execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))


async def test_an_alert_is_told_to_every_channel_once(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("slack", "webhook")
    await look(transactions, settings)
    assert room.got == []
    await die(database)
    for _ in range(3):
        await look(transactions, settings)
    told = dict(room.got)
    assert len(room.got) == 2
    assert set(told["slack"]) == {"text"}
    assert "답변을 전달하지 못하고 있습니다" in told["slack"]["text"]
    assert told["webhook"]["alert"] == "dead_letters"
    assert told["webhook"]["state"] == "firing"
    assert "6건" in told["webhook"]["detail"]


async def test_two_bots_tell_it_once(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    await die(database)
    settings = room.settings("webhook")
    await asyncio.gather(*(look(transactions, settings) for _ in range(4)))
    assert len(room.got) == 1


async def test_its_end_is_told(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    await die(database)
    await look(transactions, settings)
    await execute(transactions, "UPDATE deliveries SET state = 'delivered'")
    await look(transactions, settings)
    await execute(transactions, CALM)
    for _ in range(2):
        await look(transactions, settings)
    assert [told["state"] for _, told in room.got] == ["firing", "resolved"]


async def test_what_reached_nobody_is_told_again(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    await die(database)
    room.status = 500
    await look(transactions, settings)
    room.status = 200
    for _ in range(2):
        await look(transactions, settings)
    assert len(room.got) == 2


async def test_it_is_repeated_until_somebody_sees_to_it(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    await die(database)
    await look(transactions, settings)
    hours = "UPDATE alerts SET told_at = told_at - interval '5 hours' WHERE since IS NOT NULL"
    await execute(transactions, hours)
    await look(transactions, settings)
    assert len(room.got) == 2
    async with transactions.begin() as connection:
        assert await alerts.acknowledge(connection, AlertName.DEAD_LETTERS)
    await execute(transactions, hours)
    await look(transactions, settings)
    assert len(room.got) == 2


async def failing(transactions: AsyncEngine) -> dict[str, str]:
    """The channels that fail, with what went wrong."""
    async with transactions.connect() as connection:
        return {one.name: one.detail for one in await alerts.failing_channels(connection)}


@pytest.mark.parametrize("channel", ["slack", "webhook"])
async def test_a_redirect_to_an_internal_address_is_not_followed(
    database: AsyncEngine, transactions: AsyncEngine, room: Room, channel: str
) -> None:
    room.status = 307
    room.headers = {"Location": str(room.server.make_url("/internal"))}
    await die(database)
    await look(transactions, room.settings(channel))
    assert [name for name, _ in room.got] == [channel]
    assert channel in await failing(transactions)


@pytest.mark.parametrize("channel", ["slack", "webhook"])
async def test_a_channel_that_hangs_keeps_no_other_waiting_for_ever(
    database: AsyncEngine,
    transactions: AsyncEngine,
    room: Room,
    channel: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "POST_LIMITS", ClientTimeout(total=0.3))
    other = Room()
    await other.server.start_server()
    room.may_answer.clear()
    well = "webhook" if channel == "slack" else "slack"
    settings = Settings.model_validate(
        {
            f"alert_{channel}_url": str(room.server.make_url("/hangs")),
            f"alert_{well}_url": str(other.server.make_url("/well")),
        }
    )
    await die(database)
    async with asyncio.timeout(60):
        await look(transactions, settings)
    room.may_answer.set()
    await other.server.close()
    assert [name for name, _ in other.got] == ["well"]
    assert set(await failing(transactions)) == {channel}


async def test_a_mail_server_that_hangs_is_given_up(
    database: AsyncEngine, transactions: AsyncEngine, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MAIL_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        settings = room.settings("webhook").model_copy(
            update={
                "alert_mail_to": "ops@example.com",
                "alert_smtp_url": SecretStr(f"smtp://127.0.0.1:{silent.getsockname()[1]}"),
            }
        )
        await die(database)
        async with asyncio.timeout(60):
            await look(transactions, settings)
    assert [name for name, _ in room.got] == ["webhook"]
    assert set(await failing(transactions)) == {"mail"}


async def test_a_channel_that_works_again_is_not_held_against_it(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("slack")
    await die(database)
    room.status = 500
    await look(transactions, settings)
    assert await failing(transactions) == {"slack": "HTTP 500"}
    room.status = 200
    await look(transactions, settings)
    assert await failing(transactions) == {}


async def test_an_alert_that_comes_and_goes_is_told_once(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    await die(database)
    for _ in range(5):
        for state in ("failed", "delivered"):
            await execute(transactions, f"UPDATE deliveries SET state = '{state}'")
            await look(transactions, settings)
    assert [told["state"] for _, told in room.got] == ["firing"]
    await execute(transactions, CALM)
    await look(transactions, settings)
    assert [told["state"] for _, told in room.got] == ["firing", "resolved"]


async def test_the_end_of_a_silence_tells_what_still_fires(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    await die(database)
    async with transactions.begin() as connection:
        await alerts.silence(connection, AlertName.DEAD_LETTERS, hours=1)
    await look(transactions, settings)
    assert room.got == []
    await execute(transactions, "UPDATE alerts SET silenced_until = now() - interval '1 second'")
    await look(transactions, settings)
    assert [told["state"] for _, told in room.got] == ["firing"]


async def test_a_missing_model_is_told_after_two_minutes(
    transactions: AsyncEngine, room: Room, redis_url: str
) -> None:
    settings, redis = room.settings("webhook"), connect_redis(redis_url)
    workers = WorkerRegistry(redis)
    await workers.refresh()
    await look(transactions, settings, workers)
    assert room.got == []
    await execute(transactions, "UPDATE alerts SET since = since - interval '121 seconds'")
    await look(transactions, settings, workers)
    assert room.got[0][1]["alert"] == "model_gone"
    status = WorkerStatus(id="w", state=WorkerState.READY)
    await Heartbeat(redis, worker="w").publish(status)
    await workers.refresh()
    await look(transactions, settings, workers)
    await execute(transactions, CALM)
    await look(transactions, settings, workers)
    assert room.got[1][1]["state"] == "resolved"
    await redis.aclose()


async def test_without_redis_nothing_is_said_of_the_model(
    transactions: AsyncEngine, room: Room
) -> None:
    await execute(transactions, "INSERT INTO alerts (name, since) VALUES ('model_gone', now())")
    await look(transactions, room.settings("webhook"))
    async with transactions.connect() as connection:
        known = await alerts.read_alerts(connection)
    assert known["model_gone"].since is not None


async def test_late_answers_fire_by_the_counted_minutes(
    transactions: AsyncEngine, room: Room
) -> None:
    sql = "INSERT INTO statistics (step_s, starts_at, messenger, tenant, judged, in_time)"
    await execute(
        transactions, f"{sql} VALUES (60, now() - interval '1 min', 'kakao', '', 100, 80)"
    )
    await look(transactions, room.settings("webhook"))
    assert room.got[0][1]["alert"] == "answers_late"
    assert "80%" in room.got[0][1]["detail"]


async def test_mail_is_sent_to_a_real_server(
    database: AsyncEngine, transactions: AsyncEngine
) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As little of SMTP (RFC 5321) as one mail needs."""
        writer.write(b"220 here\r\n")
        body = False
        while line := await reader.readline():
            if body:
                received.append(line)
                body = line != b".\r\n"
                reply = b"" if body else b"250 kept\r\n"
            elif line.upper().startswith(b"DATA"):
                body, reply = True, b"354 go on\r\n"
            else:
                reply = b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n"
            writer.write(reply)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await die(database)
    settings = Settings.model_validate(
        {"alert_mail_to": "ops@example.com", "alert_smtp_url": f"smtp://127.0.0.1:{port}"}
    )
    await look(transactions, settings)
    server.close()
    assert b"To: ops@example.com\r\n" in received
    taken = message_from_bytes(b"".join(received), policy=policy.default)
    assert taken["Subject"] == "[Bllossom] 경고: 답변을 전달하지 못하고 있습니다"


def test_a_password_is_not_sent_to_a_mail_server_without_tls() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), PlainMail) as server:
        threading.Thread(target=server.handle_request).start()
        url = f"smtp://me:secret@127.0.0.1:{server.server_address[1]}"
        with pytest.raises(ValueError, match="without TLS"):
            send_mail(url, "ops@example.com", "hello")


class PlainMail(socketserver.StreamRequestHandler):
    """A mail server that offers no TLS."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            quits = line.upper().startswith(b"QUIT")
            self.wfile.write(b"221 bye\r\n" if quits else b"250 ok\r\n")


async def shown(client: Client) -> str:
    response = await client.get(PAGE)
    assert response.status == 200
    return await response.text()


async def send(client: Client, path: str, **fields: str) -> ClientResponse:
    data = {"csrf": csrf_of(await shown(client)), **fields}
    return await client.post(f"{PAGE}{path}", data=data, allow_redirects=False)


async def test_the_page_shows_what_fires_and_takes_an_acknowledgement(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    page = await shown(operator)
    assert page.count("정상") == len(AlertName)
    assert "BOT_ALERT_SLACK_URL" in page
    await die(database)
    await look(transactions, Settings())
    page = await shown(operator)
    assert "울리는 중" in page
    assert "6건" in page
    assert (await send(operator, "/dead_letters/acknowledge")).status == 303
    assert "확인함" in await shown(operator)
    assert (await send(operator, "/dead_letters/acknowledge")).status == 409
    assert (await send(operator, "/dead_letters/silence", hours="8")).status == 303
    acts = [one for one in await logged(database) if one.object == "alert:dead_letters"]
    assert [(one.action, one.details) for one in acts] == [
        ("alert_acknowledged", "{}"),
        ("alert_silenced", '{"hours": 8}'),
    ]


async def test_the_page_is_in_the_viewers_language_and_the_message_in_korean(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    await die(database)
    await look(transactions, room.settings("webhook"))
    page = await (await operator.get(PAGE, headers={"Accept-Language": "en"})).text()
    assert "6 in the last 15 minutes" in page
    assert "firing" in page
    assert "최근 15분 동안 6건" in room.got[0][1]["text"]


async def test_a_silenced_alert_is_not_told(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    assert (await send(operator, "/dead_letters/silence", hours="8")).status == 303
    assert "까지" in await shown(operator)
    await die(database)
    await look(transactions, settings)
    assert room.got == []
    assert (await send(operator, "/dead_letters/silence", hours="0")).status == 303
    await look(transactions, settings)
    assert len(room.got) == 1


async def test_forms_that_name_what_there_is_not_change_nothing(operator: Client) -> None:
    assert (await send(operator, "/nothing/acknowledge")).status == 404
    assert (await send(operator, "/nothing/silence", hours="1")).status == 404
    assert (await send(operator, "/disk_full/silence", hours="9999999")).status == 400
    assert (await send(operator, "/disk_full/silence")).status == 400
    assert "까지" not in await shown(operator)


async def test_the_page_names_the_channels_and_never_their_addresses(
    start_admin: StartAdmin, database: AsyncEngine, room: Room
) -> None:
    settings = room.settings("slack", "webhook")
    given = {
        name: getattr(settings, name).get_secret_value()
        for name in ("alert_slack_url", "alert_webhook_url")
    }
    client = await start_admin(database, **given)
    await log_in(client)
    page = await shown(client)
    assert "Slack, 웹훅" in page
    assert str(room.server.port) not in page


async def test_the_page_says_which_channel_takes_no_messages(
    start_admin: StartAdmin, database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    settings = room.settings("webhook")
    client = await start_admin(
        database, alert_webhook_url=settings.alert_webhook_url.get_secret_value()
    )
    await log_in(client)
    room.status = 404
    await die(database)
    await look(transactions, settings)
    assert "알림을 보내지 못하고 있습니다(HTTP 404)" in await shown(client)
    english = await client.get(PAGE, headers={"Accept-Language": "en"})
    assert "no alert could be sent since" in await english.text()
    room.status = 200
    await look(transactions, settings)
    assert "보내지 못하고" not in await shown(client)


async def test_old_dead_letters_fire_nothing(
    database: AsyncEngine, transactions: AsyncEngine, room: Room
) -> None:
    await die(database)
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    await execute(transactions, f"UPDATE deliveries SET updated_at = '{long_ago}'")
    await look(transactions, room.settings("webhook"))
    assert room.got == []
