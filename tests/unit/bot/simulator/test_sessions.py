"""The simulator's small parts: sessions, addresses that wear out, Slack's texts as trees."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from bot.messengers.slack import rich_text
from bot.simulator.event_log import MAX_EVENT_CHARS, MAX_EVENTS, EventLog
from bot.simulator.expiring_urls import (
    ExpiredUrlError,
    ExpiringUrls,
    UnknownUrlError,
    UsedUrlError,
)
from bot.simulator.sessions import Sessions


def test_expiring_url_ends_after_its_uses_or_its_time() -> None:
    now = 100.0
    addresses: ExpiringUrls[str] = ExpiringUrls(
        lifetime_s=60, uses=1, capacity=2, clock=lambda: now
    )
    first = addresses.issue("가")
    assert addresses.use(first) == "가"
    with pytest.raises(UsedUrlError):
        addresses.use(first)
    second = addresses.issue("나")
    now += 61
    with pytest.raises(ExpiredUrlError):
        addresses.use(second)
    addresses.issue("다")
    with pytest.raises(UnknownUrlError):
        addresses.use(first)


def test_a_session_keeps_the_newest_events_within_its_bounds() -> None:
    log = EventLog()
    for number in range(MAX_EVENTS + 50):
        log.add({"number": number})
    kept = log.after(0)
    assert len(kept) == MAX_EVENTS
    assert kept[-1].number == MAX_EVENTS + 50
    log.add({"text": "가" * (MAX_EVENT_CHARS - 10)})
    assert len(log.after(0)) == 1


def test_a_stream_resumes_behind_the_event_it_names() -> None:
    log = EventLog()
    log.add({"n": 1})
    log.add({"n": 2})
    first, second = log.after(0)
    assert log.after(log.position_of(first.id)) == [second]
    assert log.position_of(secrets.token_urlsafe(24)) == 0
    assert log.position_of("0000.7") == 0
    assert log.position_of(first.id + "x") == 0


async def test_a_listener_wakes_for_an_event_that_came_in_between() -> None:
    log = EventLog()
    log.add({"n": 1})
    await log.wait_for_change(0, timeout_s=1)
    with pytest.raises(TimeoutError):
        await log.wait_for_change(1, timeout_s=0.01)
    waiting = asyncio.create_task(log.wait_for_change(1, timeout_s=5))
    await asyncio.sleep(0)
    log.add({"n": 2})
    await waiting


async def test_the_session_unused_for_longest_gives_way() -> None:
    sessions = Sessions(capacity=2)
    first, second = sessions.open(), sessions.open()
    running = asyncio.Event()

    async def exchange() -> None:
        running.set()
        await asyncio.sleep(60)

    second.run(exchange())
    await running.wait()
    assert sessions.get(first.id) is first
    sessions.open()
    assert sessions.get(second.id) is None
    assert second.closed
    assert not first.closed
    await second.events.wait_for_change(0, timeout_s=1)


def texts(nodes: list[rich_text.Node]) -> str:
    return "".join(n if isinstance(n, str) else texts(n["children"]) for n in nodes)


def tags(nodes: list[rich_text.Node]) -> list[str]:
    return [t for n in nodes if isinstance(n, dict) for t in (n["tag"], *tags(n["children"]))]


def test_markdown_becomes_a_tree_of_harmless_tags() -> None:
    tree = rich_text.markdown(
        "# 제목\n\n**굵게** `코드` ~~지움~~\n\n- 하나\n- 둘\n\n|가|나|\n|-|-|\n|1|2|"
    )
    assert {"h4", "strong", "code", "del", "ul", "li", "table", "th", "td"} <= set(tags(tree))
    assert rich_text.markdown("3. 셋")[0]["start"] == 3  # type: ignore[index]
    assert rich_text.markdown("**한글**을") == [
        {"tag": "p", "children": [{"tag": "strong", "children": ["한글"]}, "을"]}
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[누르세요](javascript:alert(1))",
        "<!channel> <@U123>",
    ],
)
def test_hostile_markdown_stays_text(hostile: str) -> None:
    tree = rich_text.markdown(hostile)
    assert set(tags(tree)) <= {"p", "span"}
    assert texts(tree) == hostile


def test_mrkdwn_marks_only_at_a_words_edge_as_slack_does() -> None:
    assert rich_text.mrkdwn("*굵게* 보통") == [{"tag": "strong", "children": ["굵게"]}, " 보통"]
    assert rich_text.mrkdwn("한글*굵게*를") == ["한글*굵게*를"]
    assert rich_text.mrkdwn("<https://example.com|여기> &lt;b&gt;") == [
        {"tag": "a", "children": ["여기"], "href": "https://example.com"},
        " <b>",
    ]
    assert rich_text.mrkdwn("&gt; <@U1> 안녕\n답") == [
        {"tag": "blockquote", "children": [{"tag": "mention", "children": ["U1"]}, " 안녕"]},
        "답",
    ]
    assert rich_text.mrkdwn("`a*b*c`") == [{"tag": "code", "children": ["a*b*c"]}]


def test_a_message_shows_its_blocks_or_its_text() -> None:
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": "*별*"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "_작게_"}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"text": "누름"}}, 5]},
        {"type": "divider"},
        {"type": "image", "image_url": "https://example.com/a.png"},
    ]
    tree = rich_text.message({"text": "밖", "blocks": blocks})
    assert texts(tree) == "*별*작게누름(image)"
    assert [node["block"] for node in tree if isinstance(node, dict)][:2] == ["section", "context"]
    assert texts(rich_text.message({"text": "밖"})) == "밖"


def test_newer_event_takes_the_place_of_the_last_one_in_its_slot() -> None:
    log = EventLog()
    log.add({"text": "안"}, "message")
    log.add({"text": "다른 글"})
    log.add({"text": "안녕"}, "message")
    assert [event.json for event in log.after(0)] == ['{"text": "다른 글"}', '{"text": "안녕"}']
    assert [event.number for event in log.after(1)] == [2, 3]
