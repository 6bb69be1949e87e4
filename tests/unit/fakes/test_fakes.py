"""The stand-ins behave as the platforms do; the end-to-end tests rely on it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from fakes.kakao import Fault, kakao_platform, skill_request
from fakes.slack import signed_command, slack_platform


def bubbles(*texts: str) -> dict[str, Any]:
    outputs = [{"simpleText": {"text": text}} for text in texts]
    return {"version": "2.0", "template": {"outputs": outputs}}


async def post(url: str, body: Any, timeout_s: float = 5) -> tuple[int, Any]:
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with (
        aiohttp.ClientSession(timeout=timeout) as client,
        client.post(URL(url, encoded=True), json=body) as response,
    ):
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


async def test_a_callback_url_takes_one_answer_and_no_second() -> None:
    async with kakao_platform() as kakao:
        url = kakao.new_callback_url()
        status, receipt = await post(url, bubbles("안녕하세요"))
        assert (status, receipt["status"]) == (200, "SUCCESS")
        assert {"taskId", "message", "timestamp"} < receipt.keys()
        again, refusal = await post(url, bubbles("또 안녕"))
        assert (again, refusal["status"]) == (400, "FAIL")
        assert refusal["message"] == "Invalid callback token"
        assert [shown.texts for shown in kakao.shown] == [["안녕하세요"]]
        assert kakao.origin + kakao.posts[0].path_qs == url


async def test_a_requoted_callback_url_is_not_the_same_url() -> None:
    async with (
        kakao_platform() as kakao,
        aiohttp.ClientSession() as client,
        client.post(kakao.new_callback_url(), json=bubbles("안녕")) as response,
    ):
        assert (await response.json())["message"] == "Invalid callback token"
        assert not kakao.shown


async def test_a_callback_needs_its_acknowledgement_and_its_time() -> None:
    async with kakao_platform(lifetime_s=0.2) as kakao:
        early = kakao.new_callback_url(acknowledged=False)
        assert (await post(early, bubbles("안녕")))[1]["status"] == "FAIL"
        promised = kakao.new_callback_url(acknowledged=False)
        kakao.acknowledge(promised)
        assert (await post(promised, bubbles("안녕")))[1]["status"] == "SUCCESS"
        late = kakao.new_callback_url()
        await asyncio.sleep(0.25)
        assert (await post(late, bubbles("안녕")))[1]["message"] == "Invalid callback token"


@pytest.mark.parametrize(
    "body",
    [
        bubbles("하나", "둘", "셋", "넷"),
        bubbles("가" * 1001),
        bubbles(" "),
        bubbles(),
        {"template": bubbles("판이 없다")["template"]},
        {
            "version": "2.0",
            "template": {
                "outputs": bubbles("안녕")["template"]["outputs"],
                "quickReplies": [{"label": "네", "action": "message", "messageText": "네"}] * 11,
            },
        },
        {"version": "2.0", "template": {"outputs": [{"textCard": {"title": "가" * 51}}]}},
        {"version": "2.0", "useCallback": True},
        ["안녕"],
    ],
)
async def test_bubbles_over_the_limits_are_refused(body: Any) -> None:
    async with kakao_platform() as kakao:
        _, receipt = await post(kakao.new_callback_url(), body)
        assert receipt["status"] == "FAIL"
        assert not kakao.shown


async def test_kakao_fails_as_told() -> None:
    async with kakao_platform() as kakao:
        kakao.faults.slow_s = 0.05
        kakao.faults.once(Fault.SERVER_ERROR, Fault.INVALID_TOKEN, Fault.SLOW, Fault.CUT)
        assert (await post(kakao.new_callback_url(), bubbles("가")))[0] == 500
        assert (await post(kakao.new_callback_url(), bubbles("나")))[1]["status"] == "FAIL"
        slow = asyncio.create_task(post(kakao.new_callback_url(), bubbles("다")))
        await kakao.next_post(3)
        assert not slow.done()  # it has come, and is answered later
        assert (await slow)[1]["status"] == "SUCCESS"
        with pytest.raises(aiohttp.ClientError):
            await post(kakao.new_callback_url(), bubbles("라"))
        kakao.faults.always = Fault.TIME_OUT
        with pytest.raises(TimeoutError):
            await post(kakao.new_callback_url(), bubbles("마"), timeout_s=0.2)
        assert [shown.texts for shown in kakao.shown] == [["다"], ["라"], ["마"]]
        assert (await kakao.next_post(5)).fault is Fault.TIME_OUT


def test_a_skill_request_is_whole() -> None:
    plain = skill_request("안녕", user="가", callback_url="http://x/cb", extra={"turn": "1"})
    assert plain["userRequest"]["utterance"] == "안녕"
    assert plain["userRequest"]["callbackUrl"] == "http://x/cb"
    assert plain["action"]["clientExtra"] == {"turn": "1"}
    assert plain["flow"]["trigger"]["type"] == "QUICKREPLY_BUTTON_MESSAGE"
    assert len(plain["userRequest"]["user"]["id"]) <= 70
    assert skill_request("안녕", user="나")["userRequest"]["user"] != plain["userRequest"]["user"]
    assert "callbackUrl" not in skill_request("안녕")["userRequest"]


async def test_a_response_url_takes_five_posts_within_its_time() -> None:
    async with slack_platform() as slack:
        url = slack.new_response_url()
        answers = [await post(url, {"text": f"{n}"}) for n in range(6)]
        assert answers[:5] == [(200, "ok")] * 5
        assert answers[5] == (404, {"ok": False, "error": "used_url"})
        assert [shown.text for shown in slack.shown] == list("01234")
        assert (await post(url + "x", {"text": "0"}))[1]["error"] == "invalid_url"
    async with slack_platform(lifetime_s=0) as slack:
        assert (await post(slack.new_response_url(), {"text": "0"}))[1]["error"] == "expired_url"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"blocks": [{"type": "markdown", "text": "글"}]}, "no_text"),
        ({"text": "글", "blocks": [{"type": "markdown", "text": "가" * 6001}] * 2}, "too_long"),
        ({"text": "글", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "글", "blocks": [{"type": "novel"}]}, "invalid_blocks"),
        (["글"], "invalid_payload"),
    ],
)
async def test_slack_refuses_what_is_over_its_limits(message: Any, error: str) -> None:
    async with slack_platform() as slack:
        status, refusal = await post(slack.new_response_url(), message)
        assert status == 400
        assert error in refusal["error"]
        assert not slack.shown


async def test_slack_fails_as_told() -> None:
    async with slack_platform() as slack:
        slack.faults.retry_after_s = 7
        slack.faults.once(Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.CUT)
        url = slack.new_response_url()
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, json={"text": "가"}) as limited,
        ):
            assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
        assert (await post(url, {"text": "나"}))[0] == 500
        with pytest.raises(aiohttp.ClientError):
            await post(url, {"text": "다"})
        assert [shown.text for shown in slack.shown] == ["다"]


async def test_the_web_api_posts_and_asks_for_a_token() -> None:
    async with slack_platform() as slack:
        client = AsyncWebClient(token="xoxb-1", base_url=slack.api_url)
        assert (await client.auth_test())["bot_id"]
        blocks = [{"type": "markdown", "text": "**굵게**"}]
        with pytest.raises(SlackApiError, match="not_in_channel"):
            await client.chat_postMessage(channel="C1", text="굵게", blocks=blocks)
        slack.channels.join("C1")
        slack.messages.clear()
        sent = await client.chat_postMessage(channel="C1", text="굵게", blocks=blocks)
        assert sent["ok"]
        assert (await slack.next_message()).markdown == "**굵게**"
        stranger = AsyncWebClient(token="none", base_url=slack.api_url)
        with pytest.raises(SlackApiError, match="not_authed"):
            await stranger.chat_postMessage(channel="C1", text="굵게")


async def test_a_history_is_read_newest_first_and_by_pages() -> None:
    async with slack_platform() as slack:
        client = AsyncWebClient(token="xoxb-1", base_url=slack.api_url)
        slack.channels.join("C1")
        first = slack.channels.say("C1", "먼저")
        metadata = {"event_type": "t", "event_payload": {"turn_id": "1"}}
        ours = await client.chat_postMessage(channel="C1", text="답", metadata=metadata)
        slack.channels.say("C1", "나중")
        plain = await client.conversations_history(channel="C1")
        assert [message["text"] for message in plain["messages"]] == ["나중", "답", "먼저"]
        assert "metadata" not in plain["messages"][1]
        page = await client.conversations_history(
            channel="C1", oldest=first, inclusive=True, include_all_metadata=True, limit=2
        )
        assert page["messages"][1]["metadata"] == metadata
        assert page["messages"][1]["ts"] == ours["ts"]
        cursor = page["response_metadata"]["next_cursor"]
        rest = await client.conversations_history(
            channel="C1", oldest=first, inclusive=True, cursor=cursor
        )
        assert [message["text"] for message in rest["messages"]] == ["먼저"]
        later = await client.conversations_history(channel="C1", oldest=ours["ts"])
        assert [message["text"] for message in later["messages"]] == ["나중"]


async def test_post_accepted_without_an_answer_is_in_the_history() -> None:
    async with slack_platform() as slack:
        client = AsyncWebClient(token="xoxb-1", base_url=slack.api_url, timeout=1)
        client.retry_handlers.clear()
        slack.channels.join("C1")
        slack.faults.once(Fault.CUT, Fault.DROPPED)
        for text in ("끊김", "사라짐"):
            with pytest.raises(aiohttp.ClientError):
                await client.chat_postMessage(channel="C1", text=text)
        history = await client.conversations_history(channel="C1")
        assert [message["text"] for message in history["messages"]] == ["끊김"]
        slack.channels.scopes.discard("channels:history")
        with pytest.raises(SlackApiError, match="missing_scope"):
            await client.conversations_history(channel="C1")


def test_a_command_is_signed_and_new_every_time() -> None:
    body, headers = signed_command("s3cret", "안녕 & <&>", user_id="U1")
    assert SignatureVerifier("s3cret").is_valid_request(body, headers)
    assert not SignatureVerifier("other").is_valid_request(body, headers)
    assert b"user_id=U1" in body
    assert body != signed_command("s3cret", "안녕 & <&>", user_id="U1")[0]
    old, old_headers = signed_command("s3cret", "안녕", timestamp=int(time.time()) - 400)
    assert not SignatureVerifier("s3cret").is_valid_request(old, old_headers)
