"""The page of a conversation: what its person saw, in pages of bounded size."""

import re
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import Client
from tests.support.sample_turns import NOON, add_event, add_samples, add_turn, conversation_of

MAX_PAGE_BYTES = 60_000


async def read(client: Client, path: str) -> str:
    response = await client.get(path)
    html = await response.text()
    assert response.status == 200, html
    assert len(html.encode()) < MAX_PAGE_BYTES
    return html


async def said(client: Client, path: str) -> list[str]:
    """Every bubble's text, in the order of the page."""
    return re.findall(r'class="said">(.*?)</p>', await read(client, path), re.DOTALL)


async def home_of(database: AsyncEngine, key: str = "room-1") -> str:
    return f"/admin/conversations/{await conversation_of(database, key)}"


def link(html: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return found[1] if found else ""


@pytest.mark.parametrize(
    "unknown", ["1", "0", "-1", "abc", "１", "9223372036854775807", "99999999999999999999", "1.5"]
)
async def test_an_unknown_conversation_is_a_404_page(operator: Client, unknown: str) -> None:
    response = await operator.get(f"/admin/conversations/{unknown}")
    assert response.status == 404
    assert "해당 대화를 찾을 수 없습니다" in await response.text()


@pytest.mark.parametrize("name", ["before", "after"])
@pytest.mark.parametrize("place", ["", "x", "-1", "99999999999999999999"])
async def test_a_bad_place_is_a_400_page(
    operator: Client, database: AsyncEngine, name: str, place: str
) -> None:
    await add_turn(database)
    response = await operator.get(await home_of(database), params={name: place})
    assert response.status == 400


async def test_conversation_page_follows_the_order_of_seq(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(
        database, "첫 질문", "첫 답변", received_at=NOON + timedelta(minutes=5), messenger="slack"
    )
    await add_turn(database, "둘째 질문", "둘째 답변", received_at=NOON, messenger="slack")
    notice = "생성형 AI가 답변해 드려요. 사실과 다를 수 있어요."
    expected = ["첫 질문", "첫 답변", notice, "둘째 질문", "둘째 답변"]
    assert await said(operator, await home_of(database)) == expected


@pytest.mark.parametrize("length", [3_989, 3_992, 3_996])
async def test_no_part_of_a_number_is_shown_where_a_long_answer_is_cut(
    operator: Client, database: AsyncEngine, length: int
) -> None:
    text = ("word " * 1_000)[:length]
    await add_turn(database, f"{text}010-1234-5678", f"{text}010-1234-5678 more", messenger="slack")
    assert not re.search(r"\d", "".join(await said(operator, await home_of(database))))


async def test_kakao_shows_a_promise_three_bubbles_and_the_rest_behind_a_button(
    operator: Client, database: AsyncEngine
) -> None:
    answer = "\n\n".join(f"{number}번째 문단입니다. " + "가나다라 " * 150 for number in range(1, 6))
    await add_turn(database, "길게 알려 줘", answer)
    html = await read(operator, await home_of(database))
    assert "답변을 준비하고 있어요" in html
    assert "‘더 보기’ 버튼을 누르면 보이는 부분" in html
    first, second = html.split("‘더 보기’")
    assert first.count('class="bubble bot"') == 1 + 3
    assert "5번째 문단" in second
    for label in ("👍", "👎", "새 대화", "도움말"):
        assert f"<li>{label}</li>" in html


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("pending", "아직 보내지 않은 답변입니다"),
        ("sending", "지금 메신저로 보내는 중입니다"),
        ("held", "아직 누르지 않았습니다"),
        ("unconfirmed", "사용자에게 보였는지 알 수 없습니다"),
        ("failed", "사용자가 보지 못했습니다"),
        ("expired", "사용자가 보지 못했습니다"),
    ],
)
async def test_an_answer_that_the_person_may_not_have_says_why(
    operator: Client, database: AsyncEngine, state: str, sentence: str
) -> None:
    await add_turn(database, delivery=state)
    html = await read(operator, await home_of(database))
    assert re.search(rf'class="caption">[^<]*{sentence}', html)
    [seen, unseen] = re.findall('class="(delivery[^"]*)"', html)
    assert (seen, unseen) == ("delivery", "delivery unseen")


async def test_a_held_answer_stands_behind_its_button(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, delivery="delivered", via="held")
    html = await read(operator, await home_of(database))
    assert "어떤 문장이었는지는 남지 않습니다" in html
    assert "‘답변 확인’ 버튼을 누르면 보이는 부분" in html
    assert 'class="caption"' not in html


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"regenerates": "00000000-0000-4000-8000-000000000000"}, "다시 답변"),
        ({"continues": "00000000-0000-4000-8000-000000000000"}, "이어서 답변"),
        ({"stopped_by": "person-1", "status": "cancelled"}, "사용자가 멈춤"),
        ({"stopped_by": "", "status": "cancelled"}, "메신저가 멈춤"),
        ({"media": [{"type": "image"}]}, "사진 1장"),
        (
            {"media": [{}], "status": "failed", "failure_reason": "no_vision", "answer": None},
            "사진 거절",
        ),
        ({"status": "merged", "answer": None}, "다음 질문과 함께 답변"),
    ],
)
async def test_what_is_special_about_a_turn_is_noted(
    operator: Client, database: AsyncEngine, columns: dict[str, Any], note: str
) -> None:
    await add_turn(database, **columns)
    html = await read(operator, await home_of(database))
    assert f"<li>{note}</li>" in html


async def test_stopped_answers_and_sentences_in_place_of_answers_are_shown_as_sent(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "하나", "여기까지", status="cancelled", finish_reason="cancelled")
    await add_turn(database, "둘", None, status="failed", failure_reason="out_of_memory")
    await add_turn(database, "셋", None, status="expired")
    html = await read(operator, await home_of(database))
    assert "(요청하신 대로 여기서 멈췄어요.)" in html
    assert "죄송해요, 답변을 준비하지 못했어요" in html
    assert "죄송해요, 제시간에 답변을 준비하지 못했어요" in html


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ({"kind": "room", "channel": "C1", "thread_ts": "1.2"}, "스레드에"),
        (
            {"response_url": "https://hooks.slack.com/x", "visibility": "ephemeral"},
            "질문한 사람에게만",
        ),
        (
            {"response_url": "https://hooks.slack.com/x", "visibility": "in_channel"},
            "채널의 모두에게",
        ),
    ],
)
async def test_slack_says_where_an_answer_was_shown(
    operator: Client, database: AsyncEngine, address: dict[str, str], place: str
) -> None:
    await add_turn(database, messenger="slack", address=address)
    html = await read(operator, await home_of(database))
    assert f"<li>{place}" in html
    assert "hooks.slack.com" not in html


async def test_an_answer_that_was_streamed_says_so(operator: Client, database: AsyncEngine) -> None:
    turn_id = await add_turn(database, messenger="slack", address={"kind": "room", "channel": "C"})
    async with database.begin() as connection:
        await connection.execute(
            sql(
                "INSERT INTO posts (turn_id, part, room, state, writer, message_id)"
                " VALUES (:id, 0, 'C', 'final', :id, '1.2')"
            ),
            {"id": turn_id},
        )
    assert "<li>쓰는 동안 보임</li>" in await read(operator, await home_of(database))
    page = await read(operator, f"/admin/turns/{turn_id}")
    assert re.search("메시지 1: 다 보임 · 쓰는 동안 보임", page)


async def test_hand_overs_and_notices_stand_between_the_turns(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "앞 질문", messenger="slack", received_at=NOON)
    await add_turn(database, "뒤 질문", messenger="slack", received_at=NOON + timedelta(minutes=10))
    await add_event(database, "human_called", NOON + timedelta(minutes=5), actor="person-1")
    await add_event(database, "human_left", NOON + timedelta(minutes=20))
    await add_event(database, "<new kind>", NOON + timedelta(minutes=21))
    html = await read(operator, await home_of(database))
    places = [
        html.index(word)
        for word in ("앞 질문", "상담원을 불렀습니다", "뒤 질문", "다시 봇이 답변합니다")
    ]
    assert places == sorted(places)
    assert "person-1" not in html
    assert "&lt;new kind&gt;" in html


async def test_a_conversation_that_a_human_answers_says_until_when(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database)
    home = await home_of(database)
    assert "지금은 상담원이" not in await read(operator, home)
    for moment, is_silent in (("+ interval '1 hour'", True), ("- interval '1 hour'", False)):
        async with database.begin() as connection:
            statement = f"UPDATE conversations SET human_until = now() {moment}"
            await connection.execute(sql(statement))
        assert ("지금은 상담원이 답변하는" in await read(operator, home)) is is_silent


async def test_a_reset_is_a_divider(operator: Client, database: AsyncEngine) -> None:
    await add_samples(database)
    html = await read(operator, await home_of(database))
    assert html.count("새 대화</span>") == 1
    assert html.index("[전화번호]로") < html.index("새 대화</span>") < html.index("주문한 책은")


async def test_long_conversations_are_paged_both_ways_without_a_gap(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(50):
        await add_turn(database, f"질문 {number}", None, delivery=None, epoch=number // 25)

    def numbers(html: str) -> list[int]:
        return [int(found) for found in re.findall("질문 ([0-9]+)<", html)]

    home = await home_of(database)
    html = await read(operator, home)
    assert not link(html, "next")
    seen = [numbers(html)]
    while older := link(html, "prev"):
        html = await read(operator, older)
        seen.insert(0, numbers(html))
    assert list(chain(*seen)) == list(range(50))
    forth = [numbers(html)]
    while newer := link(html, "next"):
        html = await read(operator, newer)
        forth.append(numbers(html))
    assert list(chain(*forth)) == list(range(50))
    assert len(seen) == 3
    assert (await read(operator, f"{home}?after=50")).count("이 구간에는 대화가 없습니다") == 1


async def test_a_page_of_long_turns_is_bounded_and_leaves_none_out(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(12):
        await add_turn(database, f"질문 {number} " + "<긴 글> " * 900, "<답> " * 3_000)
    html = await read(operator, await home_of(database))
    seen: list[str] = []
    while True:
        seen = re.findall("질문 ([0-9]+) ", html) + seen
        assert "전체 보기" in html
        if not (older := link(html, "prev")):
            break
        html = await read(operator, older)
    assert seen == [str(number) for number in range(12)]


async def test_a_row_of_the_list_leads_to_its_place_in_the_dialogue(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database, "찾는 질문 " + "가" * 3_900, "나" * 20_000)
    for number in range(90):
        await add_turn(database, f"질문 {number} " + "다" * 3_900, "라" * 20_000)
    found = await (await operator.get("/admin/?q=찾는")).text()
    href = re.search(rf'href="([^"#]+)#turn-{turn_id}"', found)
    assert href
    assert f'id="turn-{turn_id}"' in await read(operator, href[1])


async def test_a_dead_letter_can_be_sent_again_once(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "질문", "답변", delivery="unconfirmed")
    page = await home_of(database)
    html = await read(operator, page)
    [action] = re.findall(r'action="(/admin/turns/[^"]+/send-again)"', html)
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', html)
    assert (await operator.post(action, data={})).status == 403
    response = await operator.post(action, data={"csrf": token})
    assert response.status == 200
    assert response.url.path == page
    assert "send-again" not in await response.text()
    assert (await operator.post(action, data={"csrf": token})).status == 409
    assert (await operator.get("/admin/?delivery=dead")).status == 200


@pytest.mark.parametrize("unknown", ["x", "00000000-0000-4000-8000-000000000000"])
async def test_an_unknown_turn_cannot_be_sent_again(
    operator: Client, database: AsyncEngine, unknown: str
) -> None:
    await add_turn(database)
    html = await (await operator.get("/admin/")).text()
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', html)
    response = await operator.post(f"/admin/turns/{unknown}/send-again", data={"csrf": token})
    assert response.status == 404
