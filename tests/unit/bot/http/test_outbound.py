"""The POST to a stranger's URL: who may be called, byte for byte, and what each failure means."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.http.outbound import (
    MAX_REPLY_BYTES,
    MAX_URL_CHARS,
    NoReply,
    OutboundClient,
    PublicResolver,
    Reply,
    allowed,
    host_of,
)
from runtime.tasks import cancel_and_wait
from tests.support.raw_http import free_port, http, wire

KAKAO = (".kakao.com",)
SLACK = ("hooks.slack.com",)


@pytest.fixture
async def outbound() -> AsyncIterator[OutboundClient]:
    async with OutboundClient() as opened:
        yield opened


def keep(reply: Reply) -> DeliveryResult:
    outcome = Outcome.DELIVERED if reply.status == 200 else Outcome.REFUSED
    return DeliveryResult(
        outcome=outcome,
        detail=f"{reply.status} {len(reply.body)}",
        retry_after_s=reply.retry_after_s,
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://bot-api.kakao.com/v1/bot/1/callback?token=a%3D%7E%2Fb",
        "https://bot-api.kakao.com:443/x",
        "https://a.b.kakao.com/",
        "https://BOT-API.KAKAO.COM/x",
        "https://bot-api.kakao.com",
    ],
)
def test_hosts_below_an_entry_are_allowed(url: str) -> None:
    assert allowed(url, KAKAO)


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        17,
        ["https://bot-api.kakao.com/"],
        "https://kakao.com/x",
        "https://evilkakao.com/x",
        "https://kakao.com.evil.com/x",
        "https://bot-api.kakao.com.evil.com/x",
        "http://bot-api.kakao.com/x",
        "ftp://bot-api.kakao.com/x",
        "//bot-api.kakao.com/x",
        "javascript:alert(1)",
        "https://user@bot-api.kakao.com/x",
        "https://user:pw@bot-api.kakao.com/x",
        "https://@bot-api.kakao.com/x",
        "https://bot-api.kakao.com@evil.com/x",
        "https://evil.com\\@bot-api.kakao.com/x",
        "https://evil.com/.kakao.com",
        "https://evil.com?.kakao.com",
        "https://evil.com#.kakao.com",
        "https://bot-api.kakao.com/x#y",
        "https://bot-api.kakao.com:8443/x",
        "https://bot-api.kakao.com:80/x",
        "https://bot-api.kakao.com:99999/x",
        "https://bot-api.kakao.com:x/",
        "https://bot-api.kakao.com./x",
        "https://.kakao.com/x",
        "https://a..kakao.com/x",
        "https://-a.kakao.com/x",
        "https://[::1]/x",
        "https://[::1].kakao.com/x",
        "https://[::ffff:127.0.0.1%25.kakao.com]/x",
        "https://127.0.0.1/x",
        "https://2130706433/x",
        "https://카카오.kakao.com/x",
        "https://bot-api.kakao.com/x\r\nHost: evil.com",
        "https://bot-api.kakao.com/ x",
        " https://bot-api.kakao.com/x",
        "https://bot-api.kakao.com/x\n",
        "https://bot-api.kakao.com/\ud800",
        "https://bot-api.kakao.com/" + "x" * MAX_URL_CHARS,
    ],
)
def test_everything_else_is_refused(url: object) -> None:
    assert not allowed(url, KAKAO)


def test_a_plain_entry_is_exactly_that_host() -> None:
    assert allowed("https://hooks.slack.com/commands/T1/1/x", SLACK)
    assert not allowed("https://a.hooks.slack.com/x", SLACK)
    assert not allowed("https://hooks.slack.com.evil.com/x", SLACK)
    assert not allowed("http://hooks.slack.com/x", SLACK)


def test_an_origin_entry_is_exactly_that_origin() -> None:
    entries = (".kakao.com", "http://127.0.0.1:9900")
    assert allowed("http://127.0.0.1:9900/callback?a=1", entries)
    assert allowed("http://[::1]:9900/x", ("http://[::1]:9900",))
    for url in (
        "https://127.0.0.1:9900/x",
        "http://127.0.0.1:9901/x",
        "http://127.0.0.1/x",
        "http://127.0.0.1:9900@evil.com/x",
        "http://localhost:9900/x",
        "http://evil.com/x",
    ):
        assert not allowed(url, entries)


def test_no_entry_allows_nothing() -> None:
    assert not allowed("https://bot-api.kakao.com/x", ())
    assert not allowed("https://bot-api.kakao.com/x", ("", "http://[", "://"))


@given(st.text())
def test_any_url_text_is_judged_without_an_error(text: str) -> None:
    assert not allowed(text, KAKAO)
    assert host_of(text)


def test_a_log_line_gets_the_host_and_never_the_token() -> None:
    assert host_of("https://evil.com/callback?token=secret") == "evil.com"
    assert host_of("secret") == "?"
    assert host_of("http://[") == "?"


async def test_the_url_goes_out_byte_for_byte(outbound: OutboundClient) -> None:
    target = "/v1/../a%2Fb;c?token=%3D%7E%2F%2f+%20%EA%B0%80&x=~/=&y=%zz"
    async with wire() as server:
        result = await outbound.post_json(
            server.origin + target, {}, hosts=(server.origin,), judge=keep
        )
    assert result.outcome is Outcome.DELIVERED
    assert server.targets == [target]


async def test_hangul_goes_out_as_utf8(outbound: OutboundClient) -> None:
    async with wire() as server:
        await outbound.post_json(
            f"{server.origin}/", {"글": "안녕"}, hosts=(server.origin,), judge=keep
        )
    assert server.bodies == ['{"글":"안녕"}'.encode()]
    assert b"Content-Type: application/json" in server.heads[0]


async def test_a_redirect_is_not_followed(outbound: OutboundClient) -> None:
    async with wire() as other, wire(http(307, Location=f"{other.origin}/x")) as server:
        hosts = (server.origin, other.origin)
        result = await outbound.post_json(f"{server.origin}/", {}, hosts=hosts, judge=keep)
    assert result == DeliveryResult(outcome=Outcome.REFUSED, detail="307 0")
    assert len(server.heads) == 1
    assert not other.heads


async def test_a_url_that_is_not_allowed_is_never_called(outbound: OutboundClient) -> None:
    async with wire() as server:
        result = await outbound.post_json(f"{server.origin}/", {}, hosts=KAKAO, judge=keep)
    assert result.outcome is Outcome.REFUSED
    assert not server.heads


async def test_a_refused_connection_may_be_tried_again(outbound: OutboundClient) -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    result = await outbound.post_json(f"{origin}/?t=secret", {}, hosts=(origin,), judge=keep)
    assert result.outcome is Outcome.RETRY
    assert "secret" not in result.detail


async def test_a_slow_answer_is_unconfirmed(outbound: OutboundClient) -> None:
    limits = ClientTimeout(total=0.2, connect=0.1)
    async with wire(delay_s=5) as server:
        result = await outbound.post_json(
            f"{server.origin}/", {}, hosts=(server.origin,), judge=keep, limits=limits
        )
    assert result.outcome is Outcome.UNCONFIRMED
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        http(200, "ok" * 50)[:-20],
        b"\x00\xffnot http\r\n\r\n",
    ],
    ids=["closed", "cut in the head", "cut in the body", "not HTTP"],
)
async def test_a_cut_or_broken_answer_is_unconfirmed(
    outbound: OutboundClient, answer: bytes
) -> None:
    async with wire(answer) as server:
        result = await outbound.post_json(
            f"{server.origin}/", {}, hosts=(server.origin,), judge=keep
        )
    assert result.outcome is Outcome.UNCONFIRMED
    assert len(server.heads) == 1


async def test_a_big_answer_is_read_only_so_far(outbound: OutboundClient) -> None:
    async with wire(http(200, b"x" * (4 * 1024 * 1024))) as server:
        result = await outbound.post_json(
            f"{server.origin}/", {}, hosts=(server.origin,), judge=keep
        )
    assert result.detail == f"200 {MAX_REPLY_BYTES}"


async def test_no_connection_is_used_twice(outbound: OutboundClient) -> None:
    async with wire(http(200, "ok", Connection="keep-alive")) as server:
        for _ in range(3):
            result = await outbound.post_json(
                f"{server.origin}/", {}, hosts=(server.origin,), judge=keep
            )
            assert result.outcome is Outcome.DELIVERED
    assert all(b"Connection: close" in head for head in server.heads)


class Kept:
    """A server that keeps its connections; what it does with each request, in turn."""

    def __init__(self, *deeds: str) -> None:
        self.deeds = [*deeds]
        self.requests: list[tuple[int, bytes]] = []  #: the connection's number, and the body
        self.origin = ""
        self._tasks: list[asyncio.Task[None]] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self._tasks) + 1
        self._tasks.append(asyncio.create_task(self._serve(number, reader, writer)))

    async def close(self) -> None:
        for task in self._tasks:
            await cancel_and_wait(task)

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with (
            contextlib.closing(writer),
            contextlib.suppress(asyncio.IncompleteReadError, ConnectionError),
        ):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                self.requests.append((number, await reader.readexactly(length)))
                if (deed := self.deeds.pop(0)) == "close":
                    break
                if deed == "hang":
                    await asyncio.sleep(30)
                if deed == "cut":
                    writer.write(http(200, "ok")[:-1])
                    await writer.drain()
                    break
                status, *late = deed.split()
                writer.write(http(int(status), "ok"))
                await writer.drain()
                for unasked in late:
                    await asyncio.sleep(0.02)
                    writer.write(http(int(unasked), "unasked"))
                    await writer.drain()


@asynccontextmanager
async def kept(*deeds: str) -> AsyncIterator[Kept]:
    server = Kept(*deeds)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.origin = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await server.close()


@pytest.mark.parametrize(
    ("deeds", "outcomes", "connections"),
    [
        (["200", "200", "200"], "DDD", [1, 1, 1]),
        (["200", "close", "200", "200"], "DDD", [1, 1, 2, 3]),
        (["200", "close", "400"], "DU", [1, 1, 2]),
        (["200", "close", "429"], "DT", [1, 1, 2]),
        (["200", "close", "close"], "DU", [1, 1, 2]),
        (["close", "200"], "UD", [1, 2]),
        (["400", "200"], "RD", [1, 1]),
        (["200", "408", "200"], "DD", [1, 1, 2]),
        (["408", "200"], "RD", [1, 1]),
        (["200", "cut"], "DU", [1, 1]),
    ],
)
async def test_a_url_for_one_post_gets_a_second_where_a_kept_connection_was_dead(
    outbound: OutboundClient, deeds: list[str], outcomes: str, connections: list[int]
) -> None:
    named = {
        "D": Outcome.DELIVERED,
        "U": Outcome.UNCONFIRMED,
        "R": Outcome.REFUSED,
        "T": Outcome.RETRY,
    }
    async with kept(*deeds) as server:
        results = [
            await outbound.post_json_to_single_use(
                f"{server.origin}/", {"말": number}, hosts=(server.origin,), judge=later_or_keep
            )
            for number in range(len(outcomes))
        ]
    assert [result.outcome for result in results] == [named[one] for one in outcomes]
    assert [number for number, _ in server.requests] == connections


def later_or_keep(reply: Reply) -> DeliveryResult:
    return DeliveryResult(outcome=Outcome.RETRY) if reply.status == 429 else keep(reply)


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_a_response_that_nobody_asked_for_answers_no_later_request(
    outbound: OutboundClient, keep_alive: bool
) -> None:
    details = []
    async with kept("200 400", "200", "200") as server:
        for _ in range(3):
            details.append(await detail_of(outbound, server.origin, keep_alive))
            await asyncio.sleep(0.1)
    assert details == ["200 2"] * 3
    assert [number for number, _ in server.requests] == [1, 2, 2]


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_slow_callbacks_and_slow_calls_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, keep_alive: bool
) -> None:
    monkeypatch.setattr("bot.http.outbound.MAX_KEPT", 1)
    async with OutboundClient() as narrow, kept("hang") as slow, kept("200") as quick:
        waiting = asyncio.create_task(detail_of(narrow, slow.origin, not keep_alive))
        async with asyncio.timeout(2):
            while not slow.requests:
                await asyncio.sleep(0.01)
            assert await detail_of(narrow, quick.origin, keep_alive) == "200 2"
        await cancel_and_wait(waiting)


async def detail_of(outbound: OutboundClient, origin: str, keep_alive: bool) -> str:
    """Of a call that may be repeated, or of one to a URL for one POST."""
    if keep_alive:
        reply = await outbound.exchange(f"{origin}/", b"{}", hosts=(origin,), keep_alive=True)
        return reply.detail if isinstance(reply, NoReply) else keep(reply).detail
    result = await outbound.post_json_to_single_use(f"{origin}/", {}, hosts=(origin,), judge=keep)
    return result.detail


@pytest.mark.parametrize(
    ("bound", "value", "deed"),
    [("TIMEOUT", ClientTimeout(total=0.3), "hang"), ("STALE_S", 0.0, "close")],
    ids=["slow", "dies late"],
)
async def test_a_kept_connection_that_was_alive_gets_no_second_post(
    outbound: OutboundClient, monkeypatch: pytest.MonkeyPatch, bound: str, value: Any, deed: str
) -> None:
    monkeypatch.setattr(f"bot.http.outbound.{bound}", value)
    async with kept("200", deed) as server:
        results = [
            await outbound.post_json_to_single_use(
                f"{server.origin}/", {}, hosts=(server.origin,), judge=keep
            )
            for _ in range(2)
        ]
    assert [one.outcome for one in results] == [Outcome.DELIVERED, Outcome.UNCONFIRMED]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("inf", None),
    ],
)
async def test_retry_after_is_read_where_it_holds_seconds(
    outbound: OutboundClient, header: str, seconds: float | None
) -> None:
    async with wire(http(429, Retry_After=header)) as server:
        result = await outbound.post_json(
            f"{server.origin}/", {}, hosts=(server.origin,), judge=keep
        )
    assert result.retry_after_s == seconds


class Names(AbstractResolver):
    """A name server that says what the test wants: as whoever owns a name can."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_inside_is_never_called() -> None:
    """DNS rebinding: the name is allowed, its owner points it at this machine."""
    async with wire() as server, OutboundClient(KAKAO, Names("127.0.0.1", "::1")) as outbound:
        for _ in range(2):
            result = await outbound.post_json(
                "https://rebound.kakao.com/x", {}, hosts=KAKAO, judge=keep
            )
            assert result.outcome is Outcome.RETRY
        origin = f"http://rebound.kakao.com:{server.port}"
        reply = await outbound.exchange(f"{origin}/", b"{}", hosts=(origin,))
        assert isinstance(reply, NoReply)
    assert not server.heads


async def test_only_the_outer_addresses_of_a_name_are_left() -> None:
    inside = ("10.0.0.1", "127.0.0.1", "::127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1")
    mixed = PublicResolver((), Names(*inside, "1.1.1.1", *inside))
    assert [found["host"] for found in await mixed.resolve("a.kakao.com", 443)] == ["1.1.1.1"]


async def test_an_origin_the_operator_named_may_be_inside() -> None:
    async with wire() as server:
        origin = f"http://stand-in.test:{server.port}"
        async with OutboundClient((".kakao.com", origin), Names("127.0.0.1")) as outbound:
            result = await outbound.post_json(f"{origin}/x", {}, hosts=(origin,), judge=keep)
            assert result.outcome is Outcome.DELIVERED
            other = "http://stand-in.test:1"
            reply = await outbound.exchange(f"{other}/", b"{}", hosts=(other,))
            assert isinstance(reply, NoReply)
    assert server.targets == ["/x"]


@pytest.mark.parametrize(
    "url",
    [
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://[::ffff:7f00:1]/",
        "https://xn--kako-1oa.com/x",
        "https://kаkao.com/x",
        "https://a.kаkao.com/x",
    ],
)
def test_other_spellings_of_an_address_or_a_name_are_refused(url: str) -> None:
    assert not allowed(url, KAKAO + SLACK)
