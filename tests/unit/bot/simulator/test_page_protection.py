"""No other site drives the page, nothing unbounded comes in, the events survive a lost line."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.support.simulator_standin import StandInBot, stand_in_bot
from tests.support.simulator_visitor import visitor

MESSAGES = ["kakao/messages", "slack/messages"]


async def send(client: aiohttp.ClientSession, url: str, **request: Any) -> tuple[int, str]:
    async with client.post(url, **request) as response:
        return response.status, await response.text()


@pytest.mark.parametrize("path", ["/simulator", "/simulator/"])
async def test_the_page_is_served_under_a_strict_policy(bot: StandInBot, path: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(bot.origin + path) as response:
        page = await response.text()
        assert response.status == 200
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert 'href="/admin/"' in page
    assert "style=" not in page
    assert "<script>" not in page


async def test_a_name_too_long_for_a_file_is_a_404(bot: StandInBot) -> None:
    url = f"{bot.origin}/simulator/static/{'가' * 100}.js"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 404


async def test_static_files_carry_the_policy_too(bot: StandInBot) -> None:
    url = f"{bot.origin}/simulator/static/simulator.js"
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        assert response.status == 200
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", [*MESSAGES, "reset"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
    ],
)
async def test_other_sites_are_refused(bot: StandInBot, path: str, headers: dict[str, str]) -> None:
    async with visitor(bot.origin) as person:
        url = f"{bot.origin}/simulator/{path}"
        status, _ = await send(person.client, url, json={"text": "안녕"}, headers=headers)
        assert status == 403
        assert not person.events
    assert not bot.skills
    assert not bot.commands


@pytest.mark.parametrize("path", MESSAGES)
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"json": {"text": " \n"}}, 400),
        ({"json": {"text": "가" * 10_001}}, 400),
        ({"json": {"text": 5}}, 400),
        ({"json": {"words": "안녕"}}, 400),
        ({"json": ["안녕"]}, 400),
        ({"data": b'{"text": "\\ud800"}', "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"x" * 200_000, "headers": {"Content-Type": "application/json"}}, 413),
        ({"data": {"text": "안녕"}}, 415),
    ],
)
async def test_bad_messages_get_a_clear_error(
    bot: StandInBot, path: str, request_: dict[str, Any], expected: int
) -> None:
    async with visitor(bot.origin) as person:
        headers = {"Origin": bot.origin, **request_.get("headers", {})}
        url = f"{bot.origin}/simulator/{path}"
        status, reason = await send(person.client, url, **{**request_, "headers": headers})
        assert status == expected
        assert reason
        assert not person.events


async def test_the_longest_message_goes_through(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        assert (await person.say("kakao", text="가" * 10_000))[0] == 202
        await person.until("answer")
    assert len(bot.skills[0]["userRequest"]["utterance"]) == 10_000


async def test_a_message_without_a_session_asks_to_connect_again(bot: StandInBot) -> None:
    async with aiohttp.ClientSession(headers={"Origin": bot.origin}) as client:
        url = f"{bot.origin}/simulator/kakao/messages"
        assert (await send(client, url, json={"text": "안녕"}))[0] == 409


async def test_the_cookie_is_out_of_reach(bot: StandInBot) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{bot.origin}/simulator/events") as response,
    ):
        cookie = response.cookies["simulator"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/simulator"
        assert len(cookie.value) >= 32


async def test_event_stream_resumes_and_a_new_page_gets_all_events(bot: StandInBot) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with visitor(bot.origin, jar) as person:
        await person.say("kakao", text="하나")
        await person.until("answer")
        known = person.ids[0]
    async with visitor(bot.origin, jar, last_event_id=known) as person:
        await person.when(lambda: len(person.events) == 2)
        assert person.kinds() == ["request", "answer"]
    async with visitor(bot.origin, jar, last_event_id="another.9") as person:
        await person.when(lambda: len(person.events) == 3)
        assert person.kinds() == ["utterance", "request", "answer"]


async def test_two_people_do_not_see_each_other(bot: StandInBot) -> None:
    async with visitor(bot.origin) as one, visitor(bot.origin) as other:
        await one.say("kakao", text="비밀")
        await one.until("answer")
        await other.say("slack", text="안녕")
        await other.until("answer")
        assert all(event["pane"] == "slack" for event in other.events)
        await other.say("kakao", text="안녕")
        await other.until("answer", pane="kakao")
    one_user, other_user = (skill["userRequest"]["user"]["id"] for skill in bot.skills)
    assert one_user != other_user


async def test_a_reset_makes_a_new_person(bot: StandInBot) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with visitor(bot.origin, jar) as person:
        await person.say("kakao", text="하나")
        await person.until("answer")
        url = f"{bot.origin}/simulator/reset"
        assert (await send(person.client, url, headers={"Origin": bot.origin}))[0] == 204
    async with visitor(bot.origin, jar) as person:
        await person.say("kakao", text="둘")
        await person.until("answer")
        assert person.events[0]["text"] == "둘"
    assert len({skill["userRequest"]["user"]["id"] for skill in bot.skills}) == 2


async def test_too_many_pages_of_one_session_are_refused(bot: StandInBot) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    url = f"{bot.origin}/simulator/events"
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        open_streams = [await client.get(url) for _ in range(6)]
        refused = await client.get(url)
        assert refused.status == 429
        for response in [*open_streams, refused]:
            response.close()


async def test_an_open_stream_does_not_hold_up_the_shutdown() -> None:
    async with stand_in_bot() as bot:
        stream = visitor(bot.origin)
        await stream.__aenter__()
    # The shutdown is over, and the reader has not gone: it was told to.
    await stream.__aexit__(None, None, None)
