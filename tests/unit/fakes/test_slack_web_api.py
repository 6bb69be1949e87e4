"""The Slack stand-in over HTTP: workspaces by their tokens, faults by method."""

from __future__ import annotations

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from fakes.slack import Fault, SlackPlatform, slack_platform


def client_of(slack: SlackPlatform, token: str = "xoxb-1") -> AsyncWebClient:
    client = AsyncWebClient(token=token, base_url=slack.api_url, timeout=2)
    client.retry_handlers.clear()
    return client


async def test_sdk_streams_an_answer_into_a_direct_message() -> None:
    async with slack_platform() as slack:
        client = client_of(slack)
        dm = slack.workspace.directory.dm("U1").id
        [body] = slack.people.write("U1", dm, "안녕?")
        stream = await client.chat_stream(channel=dm, thread_ts=body["event"]["ts"])
        await stream.append(markdown_text="안녕" * 200)
        await stream.append(markdown_text="하세요")
        await stream.stop()
        stopped = await slack.web_api.next_call("chat.stopStream")
        shown = slack.workspace.screen("U1", dm)
        assert shown[stopped.arguments["ts"]] == "안녕" * 200 + "하세요"


async def test_each_workspace_is_known_by_its_token() -> None:
    async with slack_platform() as slack:
        other = slack.web_api.add(SimulatedWorkspace("T2"))
        other.tokens.add("xoxb-2")
        assert (await client_of(slack, "xoxb-2").auth_test())["team_id"] == "T2"
        assert (await client_of(slack).auth_test())["team_id"] == "T0BLLOSSOM"
        other.tokens.revoke("xoxb-2")
        with pytest.raises(SlackApiError, match="token_revoked"):
            await client_of(slack, "xoxb-2").auth_test()
        assert [call.team_id for call in slack.web_api.calls] == ["T2", "T0BLLOSSOM", "T2"]


async def test_faults_are_of_one_method() -> None:
    async with slack_platform() as slack:
        client = client_of(slack)
        slack.channels.join("C1")
        sent = await client.chat_postMessage(channel="C1", text="하나")
        edit = {"channel": "C1", "ts": sent["ts"]}
        faults = slack.web_api.faults["chat.update"]
        faults.once(Fault.SERVER_ERROR, Fault.DROPPED, Fault.CUT)
        with pytest.raises(SlackApiError):
            await client.chat_update(**edit, text="둘")
        with pytest.raises(aiohttp.ClientError):
            await client.chat_update(**edit, text="셋")
        await client.chat_postMessage(channel="C1", text="다른 방법은 그대로")
        assert slack.workspace.screen("U1", "C1")[sent["ts"]] == "하나"
        with pytest.raises(aiohttp.ClientError):
            await client.chat_update(**edit, text="넷")
        assert slack.workspace.screen("U1", "C1")[sent["ts"]] == "넷"


async def test_rate_limit_is_http_429_with_a_time() -> None:
    async with slack_platform() as slack:
        slack.channels.join("C1")
        slack.workspace.rules.rate_limited = True
        client = client_of(slack)
        for _ in range(5):
            await client.chat_postMessage(channel="C1", text="글")
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel="C1", text="글")
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["Retry-After"]) >= 1
        assert slack.messages[-1].error == "ratelimited"


async def test_form_and_query_mean_what_json_means() -> None:
    async with slack_platform() as slack, aiohttp.ClientSession() as client:
        slack.channels.join("C1")
        form = {"token": "xoxb-1", "channel": "C1", "text": "글", "blocks": '[{"type":"divider"}]'}
        async with client.post(f"{slack.api_url}chat.postMessage", data=form) as response:
            assert (await response.json())["message"]["blocks"] == [{"type": "divider"}]
        query = {"token": "xoxb-1", "channel": "C1", "limit": "1"}
        async with client.get(f"{slack.api_url}conversations.history", params=query) as response:
            assert (await response.json())["messages"][0]["text"] == "글"
        async with client.post(f"{slack.api_url}auth.test", json=[]) as response:
            assert (await response.json())["error"] == "invalid_json"
