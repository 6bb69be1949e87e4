"""Long texts in the dashboard: the event loop is free while they are masked."""

from __future__ import annotations

import threading
import time

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.privacy.masking import mask
from bot.privacy.masking_thread import run_masking
from tests.support.admin import Client
from tests.support.sample_turns import add_turn, conversation_of

#: 500 code points with something to mask.
LINE = "제 번호는 010-1234-5678이고 환불 계좌는 신한 110 234 567890이에요. " * 11


def cpu_of_masking(texts: int, chars: int) -> float:
    text = (LINE * 100)[:chars]
    began = time.thread_time()
    for number in range(texts):
        mask(f"{text}{number}")
    return time.thread_time() - began


async def test_masking_runs_beside_the_event_loop() -> None:
    names = [await run_masking(lambda: threading.current_thread().name) for _ in range(2)]
    assert set(names) == {"masking_0"}


async def test_a_search_over_long_turns_leaves_the_loop_free(
    operator: Client, database: AsyncEngine
) -> None:
    answer = (LINE * 100)[:20_000]
    for number in range(50):
        await add_turn(database, f"환불 {number}", answer, key=str(number))
    await operator.get("/admin/?q=환불")
    began = time.thread_time()
    response = await operator.get("/admin/?q=환불")
    html = await response.text()
    loop_s = time.thread_time() - began
    assert response.status == 200
    assert "[전화번호]" in html
    assert "1234-5678" not in html
    assert loop_s < cpu_of_masking(50, 20_000) / 2


async def test_a_conversation_of_long_turns_leaves_the_loop_free(
    operator: Client, database: AsyncEngine
) -> None:
    answer = (LINE * 100)[:16_000]
    for _ in range(50):
        await add_turn(database, "질문", answer)
    page = f"/admin/conversations/{await conversation_of(database)}"
    await operator.get(page)
    began = time.thread_time()
    html = await (await operator.get(page)).text()
    loop_s = time.thread_time() - began
    assert html.count("[카드·계좌번호]") > 100
    assert len(html.encode()) < 60_000
    assert "1234-5678" not in html
    assert loop_s < cpu_of_masking(50, 16_000)
