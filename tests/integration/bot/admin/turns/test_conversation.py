import re
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.turns.queries import PAGE_SIZE
from tests.support.admin import Client
from tests.support.sample_turns import NOON, add_samples, add_turn, conversation_of


async def said(client: Client, path: str) -> list[str]:
    """Every bubble's text, in the order of the page."""
    html = await (await client.get(path)).text()
    return re.findall(r'class="said">(.*?)</p>', html, re.DOTALL)


@pytest.mark.parametrize(
    "unknown", ["1", "0", "-1", "abc", "１", "9223372036854775807", "99999999999999999999", "1.5"]
)
async def test_an_unknown_conversation_is_a_404_page(operator: Client, unknown: str) -> None:
    response = await operator.get(f"/admin/conversations/{unknown}")
    assert response.status == 404
    assert "해당 대화를 찾을 수 없습니다" in await response.text()


@pytest.mark.parametrize("before", ["", "x", "-1", "99999999999999999999"])
async def test_a_bad_place_is_a_400_page(
    operator: Client, database: AsyncEngine, before: str
) -> None:
    await add_turn(database)
    room = await conversation_of(database)
    response = await operator.get(f"/admin/conversations/{room}", params={"before": before})
    assert response.status == 400


async def test_conversation_page_follows_the_order_of_seq(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "첫 질문", "첫 답변", received_at=NOON + timedelta(minutes=5))
    await add_turn(database, "둘째 질문", "둘째 답변", received_at=NOON)
    room = await conversation_of(database)
    expected = ["첫 질문", "첫 답변", "둘째 질문", "둘째 답변"]
    assert await said(operator, f"/admin/conversations/{room}") == expected


async def test_a_reset_is_a_divider(operator: Client, database: AsyncEngine) -> None:
    await add_samples(database)
    html = await (
        await operator.get(f"/admin/conversations/{await conversation_of(database)}")
    ).text()
    assert html.count("새 대화</span>") == 1
    assert html.index("[전화번호]로") < html.index("새 대화</span>") < html.index("주문한 책은")


async def test_each_turn_tells_its_times_tokens_model_and_delivery(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(
        database, "질문", "답변", sender="U1", dropped_messages=4, finish_reason="length"
    )
    html = await (
        await operator.get(f"/admin/conversations/{await conversation_of(database)}")
    ).text()
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))
    assert facts["접수"] == "2026-11-20 12:00:00"
    assert facts["대기열"] == "12:00:00 (+8ms)"
    assert facts["생성 시작"] == "12:00:00 (+42ms)"
    assert facts["첫 토큰"] == "180ms"
    assert facts["답변 확정"] == "12:00:00 (+100ms)"
    assert facts["전달 완료"] == "12:00:00 (+190ms)"
    assert facts["토큰"] == "프롬프트 122, 답변 2"
    assert facts["모델"] == "MLP-KTLim/llama-3-Korean-Bllossom-8B"
    assert facts["프리셋"] == "bllossom-8b"
    assert facts["종료 사유"] == "길이 제한 도달"
    assert facts["프롬프트에서 제외된 메시지"] == "4개"
    assert facts["전달 방법"] == "콜백"
    assert facts["전달 시도"] == "1회"


async def test_a_failure_tells_its_reason(operator: Client, database: AsyncEngine) -> None:
    await add_turn(
        database, "질문", None, status="failed", delivery=None,
        failure_reason="out_of_memory", failure_message="CUDA out of memory",
    )  # fmt: skip
    html = await (
        await operator.get(f"/admin/conversations/{await conversation_of(database)}")
    ).text()
    assert "메모리 부족" in html
    assert "out_of_memory: CUDA out of memory" in html


async def test_long_conversations_are_paged_both_ways(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(2 * PAGE_SIZE + 20):
        epoch = number // (PAGE_SIZE + 10)
        await add_turn(database, f"질문 {number}", None, delivery=None, epoch=epoch)
    home = f"/admin/conversations/{await conversation_of(database)}"
    newest = await (await operator.get(home)).text()
    assert f"질문 {2 * PAGE_SIZE + 19}<" in newest
    assert f"질문 {PAGE_SIZE + 20}<" in newest
    assert f"질문 {PAGE_SIZE + 19}<" not in newest
    assert "다음 대화" not in newest
    assert "새 대화</span>" not in newest
    older = await (await operator.get(link(newest, "prev"))).text()
    assert f"질문 {PAGE_SIZE + 19}<" in older
    assert "질문 20<" in older
    assert older.count("새 대화</span>") == 1
    assert link(older, "next")
    assert f"질문 {2 * PAGE_SIZE + 19}<" in await (await operator.get(link(older, "next"))).text()
    oldest = await (await operator.get(link(older, "prev"))).text()
    assert "질문 0<" in oldest
    assert not link(oldest, "prev")


async def test_a_row_of_the_list_leads_to_its_place_in_the_dialogue(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database, "찾는 질문", None, delivery=None)
    for number in range(90):
        await add_turn(database, f"질문 {number}", None, delivery=None)
    found = await (await operator.get("/admin/?q=찾는")).text()
    href = re.search(rf'href="([^"#]+)#turn-{turn_id}"', found)
    assert href
    assert f'id="turn-{turn_id}"' in await (await operator.get(href[1])).text()


def link(html: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return found[1] if found else ""


async def test_a_dead_letter_can_be_sent_again_once(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "질문", "답변", delivery="unconfirmed")
    room = await conversation_of(database)
    page = f"/admin/conversations/{room}"
    html = await (await operator.get(page)).text()
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
