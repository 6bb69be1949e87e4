"""Data sets out of judged turns: which turns become items, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.admin.datasets import builder
from bot.admin.datasets.identity import split_of
from bot.admin.datasets.judged import Judged, read_page
from tests.support.admin import Client
from tests.support.datasets import build, contents, order_dataset, stored
from tests.support.exporting import page_of, transactions
from tests.support.judging import judge, vote
from tests.support.sample_turns import NOON, add_turn

__all__ = ["transactions"]


def said(role: str, words: str) -> dict[str, str]:
    return {"role": role, "content": words}


@pytest.mark.parametrize("few", [10_000, 0])
async def test_corrected_and_good_answers_become_items_and_others_do_not(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr("bot.store.datasets.sources.FEW", few)
    corrected = await add_turn(database, "언제 와요?", "몰라요.", key="a")
    good = await add_turn(database, "환불돼요?", "네, 7일 안에 돼요.", key="b")
    bad = await add_turn(database, "교환돼요?", "글쎄요.", key="c")
    disputed = await add_turn(database, "주소가 어디예요?", "서울이에요.", key="d")
    liked = await add_turn(database, "안녕?", "안녕하세요!", key="e")
    disliked = await add_turn(database, "뭐 해요?", "잠을 자요.", key="f")
    await add_turn(database, "평가 없음", "없음", key="g")
    await judge(database, corrected, "bad", correction="내일 도착해요.")
    await judge(database, good)
    await judge(database, bad, "bad")
    await judge(database, disputed, None)
    await vote(database, disputed, "good")
    await vote(database, liked, "good")
    await vote(database, disliked, "bad")
    address = await order_dataset(operator)
    await build(transactions)
    found = {one["messages"][0]["content"]: one["messages"][1] for one in await contents(database)}
    assert found == {
        "언제 와요?": said("assistant", "내일 도착해요."),
        "환불돼요?": said("assistant", "네, 7일 안에 돼요."),
        "안녕?": said("assistant", "안녕하세요!"),
    }
    page = await page_of(operator, address)

    assert "대화 6건을 보고 3개 항목을 만들었습니다" in page
    assert "좋다는 평가나 고친 답변이 없음" in page
    assert (await stored(database)).left_out == {"not_good": 3}


async def test_an_item_holds_what_was_said_before_by_the_same_person(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_turn(database, "남의 질문", "남의 답변", sender="person-2")
    await add_turn(database, "첫째", "하나")
    replaced = await add_turn(database, "둘째", "틀림")
    await add_turn(database, "둘째", "둘", regenerates=replaced)
    await add_turn(database, "실패", None, status="failed")
    last = await add_turn(database, "셋째", "셋")
    await judge(database, last)
    await order_dataset(operator)
    await build(transactions)
    words = [[one["content"] for one in item["messages"]] for item in await contents(database)]
    assert ["첫째", "하나", "둘째", "둘", "셋째", "셋"] in words


async def test_a_conversation_that_began_anew_is_no_history(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_turn(database, "예전", "옛날")
    turn = await add_turn(database, "새로", "새것", epoch=1)
    await judge(database, turn)
    await order_dataset(operator)
    await build(transactions)
    [item] = await contents(database)
    assert item["messages"] == [said("user", "새로"), said("assistant", "새것")]


async def test_pairs_come_from_corrections_and_from_questions_asked_again(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    corrected = await add_turn(database, "하나", "틀린 하나", key="a")
    await judge(database, corrected, "bad", correction="고친 하나")
    kept = await add_turn(database, "둘", "처음 둘", key="b")
    await add_turn(database, "둘", "나중 둘", key="b", regenerates=kept)
    better = await add_turn(database, "셋", "처음 셋", key="c")
    again = await add_turn(database, "셋", "나중 셋", key="c", regenerates=better)
    await vote(database, better, "good")
    await vote(database, again, "bad")
    both_bad = await add_turn(database, "넷", "처음 넷", key="d")
    second = await add_turn(database, "넷", "나중 넷", key="d", regenerates=both_bad)
    await vote(database, both_bad, "bad")
    await vote(database, second, "bad")
    await order_dataset(operator, "dpo")
    await build(transactions)
    found = {
        item["prompt"][-1]["content"]: (item["chosen"], item["rejected"])
        for item in await contents(database)
    }
    assert found == {
        "하나": ([said("assistant", "고친 하나")], [said("assistant", "틀린 하나")]),
        "둘": ([said("assistant", "나중 둘")], [said("assistant", "처음 둘")]),
        "셋": ([said("assistant", "처음 셋")], [said("assistant", "나중 셋")]),
    }


async def test_texts_are_masked_in_every_part(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_turn(database, "전에 010-1111-2222", "메일은 kim@example.com")
    turn = await add_turn(database, "번호는 010-1234-5678", "010-3333-4444로 걸게요.")
    await judge(database, turn, "bad", correction="저는 010-5555-6666이에요.")
    for kind in ("sft", "dpo"):
        await order_dataset(operator, kind)
    await build(transactions)
    words = str([await contents(database, number) for number in (1, 2)])
    assert "010-" not in words
    assert "example.com" not in words
    assert words.count("전화번호") >= 4


async def test_equal_texts_are_one_item_and_loosely_equal_ones_if_wished(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    for key, question in (("a", "환불 돼요?"), ("b", "환불  돼요?"), ("c", "환불돼요")):
        await judge(database, await add_turn(database, question, "네.", key=key))
    await order_dataset(operator)
    await order_dataset(operator, loose="1", name="느슨하게")
    await build(transactions)
    assert len(await contents(database, 1)) == 2
    assert len(await contents(database, 2)) == 1
    assert (await stored(database, 2)).left_out == {"duplicate": 2}


async def test_what_others_said_pictures_and_cut_answers_are_left_out(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    quoting = await add_turn(database, "요약해 줘", "네.", key="a", prompt="남의 말\n요약해 줘")
    picture = await add_turn(database, "이건?", "꽃이에요.", key="b", media=[{"type": "image"}])
    cut = await add_turn(database, "길게", "길게 쓰다가", key="c", finish_reason="length")
    going_on = await add_turn(database, "계속", "이어서", key="c", continues=cut)
    for turn in (quoting, picture, cut, going_on):
        await judge(database, turn)
    await order_dataset(operator)
    await build(transactions)
    assert await contents(database) == []
    assert (await stored(database)).left_out == {
        "others_words": 1,
        "pictures": 1,
        "not_good": 1,
        "continued": 1,
    }


async def test_a_question_that_another_person_asked_first_is_no_item_and_no_history(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    first = await add_turn(database, "남의 질문", "하나")
    again = await add_turn(database, "남의 질문", "둘", sender="person-2", regenerates=first)
    third = await add_turn(database, "남의 질문", "셋", sender="person-2", regenerates=again)
    own = await add_turn(database, "내 질문", "넷", sender="person-2")
    for turn in (again, third, own):
        await judge(database, turn)
    await order_dataset(operator)
    await order_dataset(operator, "dpo", name="고르기")
    await build(transactions)
    [item] = await contents(database)
    assert item["messages"] == [said("user", "내 질문"), said("assistant", "넷")]
    assert (await stored(database)).left_out == {"others_words": 2}
    assert await contents(database, 2) == []


async def test_messages_sent_in_a_row_by_one_person_are_one_question(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    first = await add_turn(database, "저기요", None, status="merged", delivery=None)
    turn = await add_turn(database, "환불돼요?", "네.", prompt="저기요\n환불돼요?")
    async with database.begin() as connection:
        merged = text("UPDATE turns SET merged_into = :turn WHERE id = :first")
        await connection.execute(merged, {"turn": turn, "first": first})
    await judge(database, turn)
    await order_dataset(operator)
    await build(transactions)
    [item] = await contents(database)
    assert item["messages"][0] == said("user", "저기요\n환불돼요?")


async def test_a_search_chooses_the_turns_and_finds_nothing_that_is_masked(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    for key, question in (("a", "환불은 010-1234-5678"), ("b", "배송은요?")):
        await judge(database, await add_turn(database, question, "네.", key=key))
    await order_dataset(operator, q="환불은")
    await order_dataset(operator, q="1234", name="번호")
    await build(transactions)
    assert len(await contents(database, 1)) == 1
    assert await contents(database, 2) == []


async def test_no_conversation_is_in_two_splits(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    for number in range(30):
        for words in ("가", "나"):
            turn = await add_turn(
                database, f"{words} {number}", f"{words}답 {number}", key=f"room-{number}",
                received_at=NOON + timedelta(seconds=number),
            )  # fmt: skip
            await judge(database, turn)
    await order_dataset(operator)
    await build(transactions)
    assert len(await contents(database)) == 60
    statement = text(
        "SELECT turns.conversation_id, array_agg(DISTINCT split) AS splits"
        " FROM dataset_items JOIN turns ON turns.id = turn_id GROUP BY 1"
    )
    async with database.connect() as connection:
        rows = (await connection.execute(statement)).all()
    assert len(rows) == 30
    assert [row.splits for row in rows] == [[split_of(row.conversation_id)] for row in rows]


async def test_a_bot_that_dies_leaves_a_data_set_that_another_one_ends(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.admin.turns.listing.IDS_PER_PAGE", 2)
    for number in range(5):
        turn = await add_turn(
            database, f"질문 {number}", f"답 {number}", key=f"{number}",
            received_at=NOON + timedelta(seconds=number),
        )  # fmt: skip
        await judge(database, turn)
    await order_dataset(operator)

    class Killed(BaseException):
        pass

    calls = []

    async def dies(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Judged]:
        calls.append(ids)
        if len(calls) == 2:
            raise Killed
        return await read_page(connection, ids)

    monkeypatch.setattr(builder, "read_page", dies)
    with pytest.raises(Killed):
        await build(transactions)
    halfway = await stored(database)
    assert (halfway.state, halfway.looked_at) == ("building", 2)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE datasets SET claimed_until = NULL"))
    await build(transactions)
    ended = await stored(database)
    assert (ended.state, ended.looked_at, ended.made) == ("ready", 5, 5)


async def test_a_step_that_postgres_has_rolled_back_is_done_again(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await judge(database, await add_turn(database))

    async def rolled_back(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Judged]:
        raising = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"
        await connection.execute(text(raising))
        return await read_page(connection, ids)

    monkeypatch.setattr(builder, "read_page", rolled_back)
    await order_dataset(operator)
    with pytest.raises(DBAPIError):
        await build(transactions)
    monkeypatch.undo()
    async with database.begin() as connection:
        await connection.execute(text("UPDATE datasets SET claimed_until = NULL"))
    await build(transactions)
    assert len(await contents(database)) == 1


async def test_an_error_ends_the_data_set_and_the_next_one_goes_on(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(builder, "read_page", broken)
    address = await order_dataset(operator)
    await build(transactions)
    monkeypatch.undo()
    assert "만들다가 오류가 났습니다" in await page_of(operator, address)
    await order_dataset(operator, name="다음")
    await build(transactions)
    assert (await stored(database, 2)).state == "ready"
