"""A whole bot that is installed by OAuth, removed again, and reached by Socket Mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession, DummyCookieJar
from pydantic import SecretStr
from yarl import URL

from bot.messengers.slack.installing.oauth import INSTALL_PATH, REDIRECT_PATH
from bot.messengers.slack.simulated_events import app_uninstalled, event_callback, tokens_revoked
from bot.messengers.slack.simulated_requests import TEAM_ID, command_form
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from fakes.slack_oauth import CLIENT_ID, CLIENT_SECRET, SlackOAuth
from fakes.slack_socket import APP_TOKEN, SlackSocket, slack_socket_server
from tests.integration.bot.messengers.slack.installing.conftest import KEY
from tests.support.slack_chat import SlackChat
from tests.support.stack import Stack, running_stack, served

PUBLIC_URL = "https://bot.example.com"


@dataclass
class Installed:
    """A bot, Slack's OAuth, and the chat of the first workspace."""

    stack: Stack
    oauth: SlackOAuth
    chat: SlackChat

    async def install(self, workspace: SimulatedWorkspace) -> str:
        """Install the app by a browser; the token."""
        known = set(self.oauth.tokens)
        async with ClientSession(cookie_jar=DummyCookieJar()) as http:
            begun = await http.get(self.stack.url + INSTALL_PATH, allow_redirects=False)
            state = URL(begun.headers["Location"]).query["state"]
            code = self.oauth.new_code(
                workspace.team_id, redirect_uri=f"{PUBLIC_URL}{REDIRECT_PATH}"
            )
            # The bot asks auth.test for the new token: Slack knows it from the exchange on.
            cookie = {"Cookie": begun.headers["Set-Cookie"].partition(";")[0]}
            done = await http.get(
                f"{self.stack.url}{REDIRECT_PATH}?code={code}&state={state}", headers=cookie
            )
            assert done.status == 200, await done.text()
        [token] = set(self.oauth.tokens) - known
        return token


@pytest.fixture
async def installed(database_url: str, redis_url: str) -> AsyncIterator[Installed]:
    async with (
        served() as (_, engine),
        running_stack(
            database_url,
            redis_url,
            engine,
            slack_client_id=CLIENT_ID,
            slack_client_secret=SecretStr(CLIENT_SECRET),
            slack_token_keys=SecretStr(KEY),
            slack_public_url=PUBLIC_URL,
        ) as stack,
    ):
        oauth = SlackOAuth()
        handlers = stack.slack.web_api.handlers
        handlers["oauth.v2.access"] = oauth.access
        oauth.on_issue = lambda token, team: _let_in(stack, token, team)
        yield Installed(stack, oauth, SlackChat(stack))


def _let_in(stack: Stack, token: str, team: str) -> None:
    [workspace] = [one for one in stack.slack.web_api.workspaces if one.team_id == team]
    workspace.tokens.any = None
    workspace.tokens.add(token)


async def test_two_workspaces_are_answered_each_with_its_own_token(installed: Installed) -> None:
    chat, stack = installed.chat, installed.stack
    second = stack.slack.web_api.add(SimulatedWorkspace("T2"))
    await installed.install(chat.workspace)
    await installed.install(second)
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "안녕하세요")
    await chat.until_shown("U1", room, asked, "에코: 안녕하세요")
    other = second.directory.dm("U9")
    event = {
        "type": "message",
        "channel": other.id,
        "channel_type": "im",
        "user": "U9",
        "text": "반가워요",
        "ts": "1795000000.000100",
    }
    await chat.send(event_callback(event, team_id="T2"))
    await stack.slack.until(
        lambda: any("에코: 반가워요" in text for text in _texts(second, "U9", other.id))
    )
    teams = {call.team_id for call in stack.slack.web_api.calls if "chat." in call.method}
    assert teams == {TEAM_ID, "T2"}


def _texts(workspace: SimulatedWorkspace, person: str, room: str) -> list[str]:
    return [sighting.text for sighting in workspace.seen(person, room)]


@pytest.mark.parametrize("event", [app_uninstalled(), tokens_revoked()], ids=["removed", "revoked"])
async def test_a_removed_app_is_erased_and_calls_slack_no_more(
    installed: Installed, event: dict[str, Any]
) -> None:
    chat, stack = installed.chat, installed.stack
    token = await installed.install(chat.workspace)
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "안녕하세요")
    await chat.until_shown("U1", room, asked, "에코: 안녕하세요")
    chat.workspace.tokens.revoke(token)
    assert (await chat.send(event_callback(event))).status == 200
    assert (
        await stack.rows("SELECT 1 FROM slack_bots UNION SELECT 1 FROM slack_installations") == []
    )
    await asyncio.sleep(0.2)
    calls = len(stack.slack.web_api.calls)
    await chat.say("U1", room, "아직 있나요?")
    await stack.until("SELECT 1 FROM turns WHERE text = '아직 있나요?' AND status = 'answered'")
    await asyncio.sleep(0.5)
    assert len(stack.slack.web_api.calls) == calls


@asynccontextmanager
async def by_socket(database_url: str, redis_url: str) -> AsyncIterator[tuple[Stack, SlackSocket]]:
    async with (
        slack_socket_server() as socket,
        served() as (_, engine),
        running_stack(
            database_url,
            redis_url,
            engine,
            slack_bot_token=SecretStr("xoxb-1-token"),
            slack_app_token=SecretStr(APP_TOKEN),
        ) as stack,
    ):
        stack.slack.web_api.handlers["apps.connections.open"] = socket.open
        await socket.until_connected()
        yield stack, socket


async def test_commands_and_events_come_through_the_socket(
    database_url: str, redis_url: str
) -> None:
    async with by_socket(database_url, redis_url) as (stack, socket):
        chat = SlackChat(stack)
        form = command_form("소켓으로", stack.slack.new_response_url())
        acknowledged = await socket.deliver("slash_commands", form)
        assert acknowledged["payload"] == {"response_type": "in_channel"}
        assert len(await stack.rows("SELECT 1 FROM turns WHERE text = '소켓으로'")) == 1
        room = chat.direct("U1")
        [event] = chat.people.write("U1", room, "안녕")
        assert "payload" not in await socket.deliver("events_api", event)
        assert "payload" not in await socket.deliver("events_api", event)  # sent again
        await chat.until_shown("U1", room, event["event"]["ts"], "에코: 안녕")
        assert len(await stack.rows("SELECT 1 FROM turns WHERE text = '안녕'")) == 1


async def test_a_command_through_the_socket_is_answered_in_words(
    database_url: str, redis_url: str
) -> None:
    async with by_socket(database_url, redis_url) as (stack, socket):
        help_form = command_form("도움말", stack.slack.new_response_url())
        acknowledged = await socket.deliver("slash_commands", help_form)
        assert acknowledged["payload"]["response_type"] == "ephemeral"
        assert "도움말" in acknowledged["payload"]["text"]
        odd: list[dict[str, Any]] = [{}, {"command": None}, {"event": []}, {"type": []}]
        for kind in ("slash_commands", "interactive", "events_api"):
            for payload in odd:
                await socket.deliver(kind, payload)
