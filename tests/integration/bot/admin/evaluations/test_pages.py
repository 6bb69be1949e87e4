"""The pages of evaluations: brought, listed, read, deleted; gone with the people they quote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.evaluations.bringing import bring
from bot.domain.dashboard_users import Role
from bot.store.evaluations import pairs, records
from evaluation.question_files import read_questions
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.datasets import build, contents, order_dataset
from tests.support.evaluation import write_lines
from tests.support.evaluations import NAMES, add_evaluation, changed, comparison, logickor
from tests.support.exporting import page_of
from tests.support.judging import judge
from tests.support.sample_turns import add_turn

PAGE = "/admin/evaluations"


async def count(database: AsyncEngine, evaluation: int) -> int:
    async with database.connect() as connection:
        return await pairs.count(connection, evaluation)


async def test_without_any_the_page_says_what_to_do(operator: Client) -> None:
    assert "python -m bot evaluations add report.json" in await page_of(operator, PAGE)


async def test_a_better_candidate_is_said_in_words(operator: Client, database: AsyncEngine) -> None:
    number = await add_evaluation(database)
    assert "옛 모델 → 새 모델" in await page_of(operator, PAGE)
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "후보가 더 낫습니다" in page
    assert "후보의 답변이 평균 1.91 높고" in page
    assert "환불" in page
    assert '<line class="rate"' in page
    assert "12쌍 가운데 11쌍을 두 순서로" in page
    assert "아직 심사하지 않음 1" in page


async def test_a_worse_candidate_is_said_in_words(operator: Client, database: AsyncEngine) -> None:
    number = await add_evaluation(database, comparison(better=False))
    assert "후보가 더 나쁩니다" in await page_of(operator, f"{PAGE}/{number}")


async def test_logickor_shows_the_cards_row(operator: Client, database: AsyncEngine) -> None:
    number = await add_evaluation(database, logickor())
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "8.29" in page
    assert "CC BY-SA 4.0" in page
    assert "1번째 답" in await page_of(operator, f"{PAGE}/{number}/pairs")


async def test_pairs_stand_side_by_side_page_by_page(
    operator: Client, database: AsyncEngine
) -> None:
    number = await add_evaluation(database)
    first = await page_of(operator, f"{PAGE}/{number}/pairs")
    assert first.count("기준 · 6.0점") == 5
    assert first.count("후보 · ") == 5
    assert "after=5" in first
    second = await page_of(operator, f"{PAGE}/{number}/pairs?after=10")
    assert second.count('class="pair"') == 2
    narrowed = await page_of(operator, f"{PAGE}/{number}/pairs?category=배송")
    assert narrowed.count('class="pair"') == 4


async def test_long_answers_are_cut_in_the_list_and_whole_on_a_page_of_their_own(
    operator: Client, database: AsyncEngine
) -> None:
    texts = dict.fromkeys(NAMES, "가나다라 " * 900 + "끝")
    number = await add_evaluation(database, comparison(texts=texts))
    listed = await page_of(operator, f"{PAGE}/{number}/pairs")
    assert len(listed.encode()) < 60_000
    assert f"/admin/evaluations/{number}/pairs?pair=2" in listed
    alone = await page_of(operator, f"{PAGE}/{number}/pairs?pair=2")
    assert alone.count('class="pair"') == 1
    assert alone.count("가나다라") > 1_500


async def test_personal_data_is_masked_before_it_is_stored(
    operator: Client, database: AsyncEngine
) -> None:
    texts = {"q0": "010-1234-5678로 전화해 주세요."}
    number = await add_evaluation(database, comparison(texts=texts))
    assert "010-1234-5678" not in await page_of(operator, f"{PAGE}/{number}/pairs")
    async with database.connect() as connection:
        stored = await connection.scalar(text("SELECT max(candidate) FROM evaluation_pairs"))
        assert "1234" not in str(stored)
        assert not await connection.scalar(
            text("SELECT count(*) FROM evaluations WHERE report::text LIKE '%1234%'")
        )


async def test_a_viewer_sees_the_verdict_and_not_the_answers(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    number = await add_evaluation(database)
    await add_user(database, "보는 사람", Role.VIEWER)
    viewer = await start_admin(database)
    await log_in(viewer, user="보는 사람")
    page = await page_of(viewer, f"{PAGE}/{number}")
    assert "후보가 더 낫습니다" in page
    assert f"{number}/pairs" not in page
    assert (await viewer.get(f"{PAGE}/{number}/pairs")).status == 403


async def test_a_deleted_evaluation_takes_its_answers_along(
    operator: Client, database: AsyncEngine
) -> None:
    number = await add_evaluation(database)
    deleted = await send(operator, f"{PAGE}/{number}/delete")
    assert deleted.status == 303
    assert await count(database, number) == 0
    assert (await operator.get(f"{PAGE}/{number}")).status == 404
    assert "evaluation_deleted" in [one.action for one in await logged(database)]


@pytest.mark.parametrize("address", ["x", "9" * 30, "1/pairs?after=x", "7"])
async def test_addresses_that_lead_nowhere_are_sentences(operator: Client, address: str) -> None:
    assert (await operator.get(f"{PAGE}/{address}")).status in (400, 404)


async def test_a_report_of_another_version_is_a_sentence(
    operator: Client, database: AsyncEngine
) -> None:
    number = await add_evaluation(database)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE evaluations SET report = '{\"format\": 2}'"))
    answered = await operator.get(f"{PAGE}/{number}")
    assert answered.status == 409
    assert "다른 버전이 만든 평가" in await answered.text()
    assert (await operator.get(PAGE)).status == 200


async def test_the_same_file_is_brought_once(database: AsyncEngine) -> None:
    content = comparison()
    await add_evaluation(database, content)
    async with database.begin() as connection:
        again = await bring(connection, content, author="admin")
        assert again.id is None
        assert len(await records.newest(connection, before=None, limit=9)) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff", changed(comparison(), format=2), changed(comparison(), kind="x"),
     changed(comparison(), verdict="great"), changed(comparison(), measures=[{}]),
     changed(comparison(), created_at="yesterday"), changed(comparison(), judged=-1)],
)  # fmt: skip
async def test_what_is_no_report_is_refused(database: AsyncEngine, content: bytes) -> None:
    async with database.connect() as connection:
        with pytest.raises(ValidationError):
            await bring(connection, content, author="admin")


async def test_questions_of_a_data_set_go_with_their_turns(
    operator: Client, database: AsyncEngine
) -> None:
    turns = [await add_turn(database, f"질문 {n}", f"답 {n}", key=f"room-{n}") for n in range(2)]
    for turn in turns:
        await judge(database, turn)
    await order_dataset(operator)
    await build(database)
    async with database.connect() as connection:
        ids = list(await connection.scalars(text("SELECT id FROM dataset_items ORDER BY id")))
    assert len(ids) == 2
    number = await add_evaluation(database, comparison([*ids, str(turns[0])]))
    assert await count(database, number) == 3
    await page_of(operator, f"{PAGE}/{number}/pairs")
    (read,) = [one for one in await logged(database) if one.action == "evaluation_read"]
    assert json.loads(read.details)["people"]
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM turns WHERE id = :id"), {"id": turns[0]})
    assert await count(database, number) == 1


@pytest.mark.parametrize("kind", ["sft", "dpo"])
async def test_the_evaluation_reads_what_the_dashboard_exports(
    operator: Client, database: AsyncEngine, tmp_path: Path, kind: str
) -> None:
    for number in range(3):
        turn = await add_turn(database, f"질문 {number}", f"답 {number}", key=f"room-{number}")
        await judge(database, turn, correction=f"더 나은 답 {number}")
    await order_dataset(operator, kind)
    await build(database)
    items = await contents(database)
    found = read_questions(write_lines(tmp_path / "test.jsonl", items))
    assert [one.id for one in found.questions] == [one["id"] for one in items]
    assert {one.turns[0].text for one in found.questions} == {f"질문 {n}" for n in range(3)}


async def test_questions_of_turns_that_are_gone_are_not_brought(database: AsyncEngine) -> None:
    gone = ["sft-0123456789abcdef0123", "00000000-0000-4000-8000-000000000000"]
    async with database.begin() as connection:
        brought = await bring(connection, comparison([*NAMES, *gone]), author="admin")
    assert (brought.pairs, brought.gone) == (12, 2)
