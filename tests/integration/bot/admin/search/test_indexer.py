"""The search index: who is in it, when, and that what it finds is what the rows say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.search.criteria import PAGE_SIZE
from bot.admin.search.indexer import SearchIndexer
from bot.admin.turns import finding
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym
from bot.store import erasure
from bot.store.search import indexing
from bot.store.search import segments as segments_module
from runtime.database import connect_database
from tests.support.sample_turns import NOON, add_turn
from tests.support.search import found, found_on_all_pages, index_all
from tests.support.seen_statements import seen_statements


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect_database(database_url, pool_size=4)
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
def index_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Next to no rows are compared before the index is asked, and a page is not cut short."""
    monkeypatch.setattr(finding, "PROBED", 1)
    monkeypatch.setattr(finding, "BUDGET_S", 60.0)


async def run(database: AsyncEngine, statement: str, **values: object) -> None:
    async with database.begin() as connection:
        await connection.execute(sql(statement), values)


async def count(database: AsyncEngine, table: str) -> int:
    async with database.connect() as connection:
        return int(await connection.scalar(sql(f"SELECT count(*) FROM {table}")) or 0)


async def fill(database: AsyncEngine) -> dict[str, UUID]:
    """A log of every kind of turn, by its question."""
    rows: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
        ("환불 규정 알려 주세요", "7일 안에 됩니다", {"sender": "민지", "key": "방1"}),
        ("배송은요?", "환불은 배송 뒤에 됩니다", {"messenger": "slack", "model": "다른 모델"}),
        ("실패한 질문", None, {"status": "failed", "failure_reason": "out_of_memory",
                          "delivery": "failed"}),
        ("미확인", "네", {"delivery": "unconfirmed", "finish_reason": "length"}),
        ("합쳐진 환불 질문", None, {"status": "merged", "delivery": None}),
        ("느린 질문", "네", {"settled_at": NOON + timedelta(minutes=9), "preset": "느림"}),
        ("긴 질문", "네", {"completion_tokens": 3_000, "prompt_tokens": 2_000,
                          "config_version": 12}),
        ("버튼을 기다리는 질문", "네", {"delivery": "held"}),
        ("열린 환불 질문", None, {"status": "queued", "delivery": "pending"}),
    )  # fmt: skip
    return {
        question: await add_turn(
            database, question, answer, received_at=NOON + timedelta(seconds=number),
            **({"key": f"k{number}"} | more),
        )
        for number, (question, answer, more) in enumerate(rows)
    }  # fmt: skip


EXPECTED: dict[str, list[str]] = {
    "환불": ["열린 환불 질문", "합쳐진 환불 질문", "배송은요?", "환불 규정 알려 주세요"],
    "환불 질문": ["열린 환불 질문", "합쳐진 환불 질문"],
    '"환불 규정"': ["환불 규정 알려 주세요"],
    '"환불규정"': [],
    "환불규정": ["환불 규정 알려 주세요"],
    "ㅎㅂㄱㅈ": ["환불 규정 알려 주세요"],
    "없는낱말": [],
    "환불 메신저:slack": ["배송은요?"],
    "상태:실패": ["실패한 질문"],
    "상태:실패 상태:merged": ["합쳐진 환불 질문", "실패한 질문"],
    "상태:queued": ["열린 환불 질문"],
    "전달:failed": ["실패한 질문"],
    "전달:dead": ["미확인", "실패한 질문"],
    "전달:none": ["합쳐진 환불 질문"],
    "전달:held": ["버튼을 기다리는 질문"],
    "전달:pending": ["열린 환불 질문"],
    "전달:delivered 환불": ["배송은요?", "환불 규정 알려 주세요"],
    '모델:"다른 모델"': ["배송은요?"],
    "프리셋:느림": ["느린 질문"],
    "설정:12": ["긴 질문"],
    "시간:>5분": ["느린 질문"],
    "토큰:>4000": ["긴 질문"],
    "토큰:5000": ["긴 질문"],
    "토큰:<100 환불": [],
    "실패:메모리부족": ["실패한 질문"],
    "종료:length": ["미확인"],
    "사용자:민지": ["환불 규정 알려 주세요"],
    f"사용자:{pseudonym('kakao', 'shop', '민지')}": ["환불 규정 알려 주세요"],
    f"방:{pseudonym('kakao', 'shop', '방1')}": ["환불 규정 알려 주세요"],
    "방:방1": ["환불 규정 알려 주세요"],
    "사용자:00000000": [],
    "평가:싫어요": ["배송은요?"],
    "날짜:2026-11-20T12:00 환불규정": ["환불 규정 알려 주세요"],
    "날짜:2026-11-19": [],
}


async def test_the_index_finds_what_the_rows_say_before_and_after_it_is_written(
    database: AsyncEngine,
) -> None:
    turns = await fill(database)
    await run(
        database,
        "INSERT INTO feedback (turn_id, voter, vote) VALUES (:id, 'v', 'bad')",
        id=turns["배송은요?"],
    )
    from_rows = {box: await found(database, box) for box in EXPECTED}
    assert await index_all(database) == len(turns) - 1, "all but the open one"
    assert await count(database, "search_queue") == 0
    from_index = {box: await found(database, box) for box in EXPECTED}
    assert from_rows == EXPECTED
    assert from_index == EXPECTED


async def test_a_turn_is_written_once_and_after_its_answer(database: AsyncEngine) -> None:
    turn = await add_turn(database, "환불 되나요?", None, status="generating")
    assert await index_all(database) == 0
    assert await found(database, "환불") == ["환불 되나요?"]
    settled = "UPDATE turns SET status = 'answered', answer = :answer WHERE id = :id"
    await run(database, settled, id=turn, answer="반품 됩니다")
    assert await found(database, "반품") == ["환불 되나요?"], "at once, by its row"
    assert await index_all(database) == 1
    assert await found(database, "반품") == ["환불 되나요?"]


async def test_a_changed_answer_a_vote_and_a_late_delivery_reach_the_index(
    database: AsyncEngine,
) -> None:
    turn = await add_turn(database, "환불 되나요?", "반품 됩니다", delivery="sending")
    await index_all(database)
    await run(database, "UPDATE turns SET answer = '교환 됩니다' WHERE id = :id", id=turn)
    await run(database, "UPDATE deliveries SET state = 'failed' WHERE turn_id = :id", id=turn)
    vote = "INSERT INTO feedback (turn_id, voter, vote) VALUES (:id, 'v', 'good')"
    await run(database, vote, id=turn)
    await index_all(database)
    assert await found(database, "반품") == []
    for box in ("교환", "전달:실패 교환", "전달:전달실패", "평가:좋아요"):
        assert await found(database, box.replace("전달:실패", "전달:failed")) == ["환불 되나요?"]
    await run(database, "DELETE FROM feedback")
    await index_all(database)
    assert await found(database, "평가:좋아요") == []


async def test_an_erased_person_leaves_no_key_behind(database: AsyncEngine) -> None:
    await add_turn(database, "환불 되나요?", sender="민지", key="a")
    await add_turn(database, "환불 안 되나요?", sender="수민", key="b")
    await index_all(database)
    await add_turn(database, "환불 아직?", sender="민지", key="a")
    person = Person(messenger="kakao", tenant="shop", sender="민지")
    async with database.begin() as connection:
        await erasure.erase_turns(connection, person)
    assert await count(database, "search_entries") == 1
    assert await index_all(database) == 1, "what was queued before is skipped"
    assert await count(database, "search_queue") == 0
    assert await found(database, "환불") == ["환불 안 되나요?"]


async def test_an_older_log_is_indexed_newest_first_and_found_meanwhile(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.search.indexing.BATCH", 3)
    for number in range(7):
        at = NOON + timedelta(minutes=number)
        await add_turn(database, f"환불 {number}", received_at=at, key=str(number))
    await run(database, "TRUNCATE search_queue")  # as before the index existed
    expected = [f"환불 {number}" for number in reversed(range(7))]
    assert await found(database, "환불") == expected
    indexer = SearchIndexer(database=database)
    while await indexer.index_missing():
        assert await found(database, "환불") == expected
    assert await count(database, "search_entries") == 7
    assert await found(database, "환불") == expected


async def test_several_bots_index_each_turn_once(database: AsyncEngine) -> None:
    for number in range(12):
        await add_turn(database, f"환불 {number}", key=str(number))
    await run(database, "UPDATE search_queue SET queued_at = queued_at - interval '1 minute'")
    indexers = [SearchIndexer(database=database) for _ in range(3)]
    await asyncio.gather(*(indexer.index() for indexer in indexers))
    await indexers[0].index()
    assert await count(database, "search_entries") == 12
    assert await count(database, "search_queue") == 0


async def test_a_round_without_work_is_two_looks(database: AsyncEngine) -> None:
    await add_turn(database, "환불")
    await index_all(database)
    with seen_statements(database) as seen:
        await SearchIndexer(database=database).index()
    assert len(seen) == 2


async def test_a_bot_leaves_the_queue_to_the_one_that_indexes(database: AsyncEngine) -> None:
    await add_turn(database, "환불")
    async with database.begin() as other:
        assert await indexing.try_lock(other)
        await index_all(database)
        assert await count(database, "search_queue") == 1
    assert await index_all(database) == 1


async def test_pages_cross_segments_without_gaps_or_repeats(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments_module, "SEGMENT_TURNS", 30)
    for number in range(95):
        at = NOON + timedelta(seconds=number // 2)  # two at the same microsecond
        await add_turn(database, f"환불 {number:02}", received_at=at, key=str(number % 5))
        if number % 10 == 0:
            await index_all(database)
    assert await count(database, "search_segments") == 3
    newest = await found(database, "환불")
    assert len(newest) == PAGE_SIZE, "of which the older came out of a segment"
    every = await found_on_all_pages(database, "환불")
    assert sorted(every) == [f"환불 {number:02}" for number in range(95)]
    seconds = [int(question[-2:]) // 2 for question in every]
    assert seconds == sorted(seconds, reverse=True)
    assert await found(database, "환불 00") == ["환불 00"]
    older = f"날짜:..{(NOON + timedelta(hours=9)):%Y-%m-%dT%H:%M:%S}"
    assert sorted(await found(database, f"환불 {older}")) == ["환불 00", "환불 01"]


async def test_turns_that_the_previous_version_settles_are_indexed(database: AsyncEngine) -> None:
    """The trigger does not ask who writes."""
    turn = await add_turn(database, "환불 되나요?", None, status="generating")
    await run(
        database,
        "UPDATE turns SET status = 'answered', answer = '반품' WHERE id = :id",
        id=turn,
    )
    assert await index_all(database) == 1
    assert await found(database, "반품") == ["환불 되나요?"]


async def test_a_turn_that_is_gone_does_not_stay_in_the_queue(database: AsyncEngine) -> None:
    await run(database, "INSERT INTO search_queue (turn_id) VALUES (:id)", id=uuid4())
    await index_all(database)
    assert await count(database, "search_queue") == 0


async def test_a_turn_whose_entry_is_refused_holds_up_no_other(database: AsyncEngine) -> None:
    bad, *_ = [
        await add_turn(database, f"환불 {n}", key=str(n), received_at=NOON + timedelta(minutes=n))
        for n in range(4)
    ]
    refused = f"ALTER TABLE search_entries ADD CHECK (turn_id <> '{bad}' OR keys = '{{}}')"
    await run(database, refused)
    assert await index_all(database) == 4
    assert await count(database, "search_queue") == 0
    assert await found(database, "환불") == ["환불 3", "환불 2", "환불 1"]


async def test_a_search_that_takes_too_long_says_how_far_it_came_and_goes_on_from_there(
    database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "BUDGET_S", -1.0)
    for number in range(9):
        at = NOON + timedelta(seconds=number)
        question = "환불" if number == 0 else "배송"
        await add_turn(database, question, received_at=at, key=str(number))
    assert await found(database, "환") == []
    assert await found_on_all_pages(database, "환") == ["환불"], (
        "page by page, each one row further"
    )
    await index_all(database)
    assert await found_on_all_pages(database, "환불") == ["환불"]
