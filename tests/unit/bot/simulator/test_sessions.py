"""The simulator's small parts: sessions, addresses that wear out, Slack's texts as trees."""

from __future__ import annotations

import asyncio

import pytest

from bot.simulator import rich_text
from bot.simulator.expiring_urls import (
    Addresses,
    ExpiredAddressError,
    UnknownAddressError,
    UsedAddressError,
)
from bot.simulator.sessions import EVENT_CHARS, EVENTS, Session, Sessions


def test_an_address_wears_out_expires_and_is_forgotten() -> None:
    now = 100.0
    addresses: Addresses[str] = Addresses(lifetime_s=60, uses=1, capacity=2, clock=lambda: now)
    first = addresses.issue("가")
    assert addresses.use(first) == "가"
    with pytest.raises(UsedAddressError):
        addresses.use(first)
    second = addresses.issue("나")
    now += 61
    with pytest.raises(ExpiredAddressError):
        addresses.use(second)
    addresses.issue("다")
    with pytest.raises(UnknownAddressError):
        addresses.use(first)


def test_a_session_keeps_the_newest_events_within_its_bounds() -> None:
    session = Session()
    for number in range(EVENTS + 50):
        session.add({"number": number})
    kept = session.after(0)
    assert len(kept) == EVENTS
    assert kept[-1].number == EVENTS + 50
    session.add({"text": "가" * (EVENT_CHARS - 10)})
    assert len(session.after(0)) == 1


def test_a_stream_resumes_behind_the_event_it_names() -> None:
    session = Session()
    session.add({"n": 1})
    session.add({"n": 2})
    first, second = session.after(0)
    assert session.after(session.place_of(first.id)) == [second]
    assert session.place_of(Session().id) == 0
    assert session.place_of("0000.7") == 0
    assert session.place_of(first.id + "x") == 0


async def test_a_listener_wakes_for_an_event_that_came_in_between() -> None:
    session = Session()
    session.add({"n": 1})
    await session.changed(0, timeout_s=1)
    with pytest.raises(TimeoutError):
        await session.changed(1, timeout_s=0.01)
    waiting = asyncio.create_task(session.changed(1, timeout_s=5))
    await asyncio.sleep(0)
    session.add({"n": 2})
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
    await second.changed(0, timeout_s=1)


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
