"""Socket Mode: acknowledged once handled, connected again when lost, bounded, and patient."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from bot.domain.messenger import Refusal
from bot.messengers.slack.installing import socket_client, socket_mode
from bot.messengers.slack.installing.socket_mode import SocketModeReceiver, SocketRequest
from bot.messengers.slack.settings import SlackSettings
from fakes.faults import Fault
from fakes.slack_socket import APP_TOKEN, SlackSocket, slack_socket_server
from runtime.tasks import cancel_and_wait

Receive = Callable[[SocketRequest], Awaitable[Mapping[str, Any] | None]]
Running = Callable[..., AbstractAsyncContextManager[SlackSocket]]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Running:
    """A receiver that connects to a stand-in, with short pauses."""
    monkeypatch.setattr(socket_mode, "PAUSE_S", 0.05)
    monkeypatch.setattr(socket_mode, "LOOK_S", 0.05)
    monkeypatch.setattr(socket_mode, "CONNECT_S", 2.0)
    monkeypatch.setattr(socket_client, "PING_S", 0.2)

    @asynccontextmanager
    async def run(receive: Receive, *, token: str = APP_TOKEN) -> AsyncIterator[SlackSocket]:
        async with slack_socket_server() as slack:
            settings = SlackSettings(_env_file=None, api_url=slack.api_url, app_token=token)
            receiver = SocketModeReceiver(settings, receive)
            loop = asyncio.create_task(receiver.keep_receiving())
            try:
                yield slack
            finally:
                await cancel_and_wait(loop)

    return run


async def nothing(_: SocketRequest) -> None:
    return None


async def test_each_kind_is_handed_over_and_answered(running: Running) -> None:
    received: list[SocketRequest] = []

    async def receive(request: SocketRequest) -> Mapping[str, Any] | None:
        received.append(request)
        return {"text": "안녕하세요"} if request.kind == "slash_commands" else None

    async with running(receive) as slack:
        await slack.until_connected()
        command = await slack.deliver("slash_commands", {"command": "/bllossom", "text": "안녕"})
        event = await slack.deliver("events_api", {"event": {"type": "app_mention"}})
        press = await slack.deliver("interactive", {"type": "block_actions"})
    assert command["payload"] == {"text": "안녕하세요"}
    assert "payload" not in event
    assert "payload" not in press
    assert [request.kind for request in received] == ["slash_commands", "events_api", "interactive"]
    assert received[0].payload["text"] == "안녕"


async def test_an_envelope_is_acknowledged_only_once_it_was_handled(running: Running) -> None:
    committed = asyncio.Event()

    async def receive(_: SocketRequest) -> None:
        await committed.wait()

    async with running(receive) as slack:
        await slack.until_connected()
        envelope = await slack.post("events_api", {})
        await asyncio.sleep(0.3)
        assert envelope.acknowledgements == []
        committed.set()
        await slack.until(lambda: bool(envelope.acknowledgements))


@pytest.mark.parametrize("failure", [ConnectionError("gone"), Refusal(503, "not stored")])
async def test_what_failed_is_sent_again_and_what_is_malformed_is_not(
    running: Running, failure: Exception
) -> None:
    seen: list[tuple[str, int]] = []

    async def receive(request: SocketRequest) -> None:
        seen.append((request.payload["name"], request.retry_attempt))
        if request.payload["name"] == "malformed":
            raise Refusal(400, "an event needs a type")
        if request.retry_attempt == 0:
            raise failure

    async with running(receive) as slack:
        await slack.until_connected()
        await slack.deliver("events_api", {"name": "malformed"})
        failed = await slack.post("events_api", {"name": "unlucky"})
        await slack.until_connected()
        async with asyncio.timeout(10):
            while ("unlucky", 0) not in seen:
                await asyncio.sleep(0.01)
        slack.drop()
        await slack.until(lambda: bool(failed.acknowledgements))
    assert seen == [("malformed", 0), ("unlucky", 0), ("unlucky", 1)]


@pytest.mark.parametrize("how", ["drop", "goodbye"])
async def test_a_lost_connection_is_replaced(running: Running, how: str) -> None:
    async with running(nothing) as slack:
        for _ in range(4):
            await slack.until_connected()
            [old] = slack.connections
            assert await slack.deliver("events_api", {})
            if how == "drop":
                slack.drop()
            else:
                await slack.say_goodbye()
            await slack.until(partial(_is_gone, slack, old))
        await slack.until_connected()
        assert await slack.deliver("events_api", {})


def _is_gone(slack: SlackSocket, connection: object) -> bool:
    return connection not in slack.connections


async def test_what_came_while_nobody_was_connected_is_handled(running: Running) -> None:
    async with running(nothing) as slack:
        await slack.until_connected()
        slack.drop()
        await slack.until(lambda: not slack.connections)
        late = await slack.post("events_api", {})
        await slack.until(lambda: bool(late.acknowledgements))


async def test_a_url_whose_socket_is_refused_is_not_tried_for_ever(running: Running) -> None:
    async with running(nothing) as slack:
        slack.refuses_sockets = True
        await slack.until(lambda: len(slack.opened) >= 2)
        slack.refuses_sockets = False
        await slack.until_connected()
        assert await slack.deliver("events_api", {})


async def test_a_wrong_token_is_no_storm(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_mode, "PAUSE_S", 0.4)
    async with running(nothing, token="xapp-wrong") as slack:
        await asyncio.sleep(1.5)
        assert 1 <= len(slack.opened) <= 3


async def test_slack_s_retry_after_is_respected(running: Running) -> None:
    async with running(nothing) as slack:
        slack.open_faults.retry_after_s = 2
        slack.open_faults.always = Fault.RATE_LIMITED
        await slack.until(lambda: bool(slack.opened))
        asked = len(slack.opened)
        await asyncio.sleep(1.2)
        assert len(slack.opened) <= asked + 1
        slack.open_faults.forget()
        await slack.until_connected()


async def test_work_at_once_is_bounded(running: Running) -> None:
    release, at_once, most = asyncio.Event(), 0, 0

    async def receive(_: SocketRequest) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await release.wait()
        at_once -= 1

    async with running(receive) as slack:
        await slack.until_connected()
        sent = [await slack.post("events_api", {"n": n}) for n in range(300)]
        await asyncio.sleep(0.5)
        assert most == socket_client.MAX_IN_WORK
        release.set()
        await slack.until(lambda: all(one.acknowledgements for one in sent))


async def test_what_is_in_work_at_the_end_is_acknowledged(running: Running) -> None:
    began = asyncio.Event()

    async def receive(_: SocketRequest) -> None:
        began.set()
        await asyncio.sleep(0.5)

    async with running(receive) as slack:
        await slack.until_connected()
        envelope = await slack.post("events_api", {})
        await began.wait()
    assert len(envelope.acknowledgements) == 1


@pytest.mark.parametrize(
    "raw",
    ["", "[]", "null", "{", '{"type": []}', '{"envelope_id": 1}', '{"type":"x","envelope_id":"y"}'],
)
async def test_odd_messages_end_nothing(running: Running, raw: str) -> None:
    async with running(nothing) as slack:
        await slack.until_connected()
        slack.expect("y")
        await slack.connections[0].send_str(raw)
        assert await slack.deliver("events_api", {})
