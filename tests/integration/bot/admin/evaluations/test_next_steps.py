"""What a report's page offers next: more questions, and the people's word beside the judge's."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.admin import Client, send
from tests.support.audit import logged
from tests.support.evaluations import add_evaluation, changed, comparison, logickor
from tests.support.exporting import page_of
from tests.support.sample_turns import add_turn

PAGE = "/admin/evaluations"


async def add_turns(database: AsyncEngine, count: int) -> list[UUID]:
    return [await add_turn(database, f"질문 {n}", f"답 {n}", key=f"r-{n}") for n in range(count)]


async def add_replay(database: AsyncEngine, turns: list[UUID], votes: list[str]) -> int:
    """A replay of these turns, all answered, with one vote on each."""
    async with database.begin() as connection:
        replay = await connection.scalar(
            text(
                "INSERT INTO replays (name, author, state, max_turns, options, batch_id, seed)"
                " VALUES ('비교', '김하나', 'ended', 99, '{}', gen_random_uuid(), 1) RETURNING id"
            )
        )
        for place, (turn, preferred) in enumerate(zip(turns, votes, strict=True)):
            values = {"replay": replay, "place": place, "turn": turn, "preferred": preferred}
            await connection.execute(
                text(
                    "INSERT INTO replay_items (replay_id, position, turn_id, state, answer)"
                    " VALUES (:replay, :place, :turn, 'answered', '새 답')"
                ),
                values,
            )
            await connection.execute(
                text(
                    "INSERT INTO replay_votes (replay_id, position, reviewer, preferred)"
                    " VALUES (:replay, :place, '김하나', :preferred)"
                ),
                values,
            )
    return int(replay or 0)


def of_replay(turns: list[UUID], replay: int) -> bytes:
    """A report of a replay: the judge likes the candidate better on every other turn."""
    report = json.loads(comparison([str(turn) for turn in turns]))
    for place, pair in enumerate(report["pairs"]):
        pair.update(baseline_score=5.0, candidate_score=5.0 + (-1) ** place, note="")
    return changed(json.dumps(report).encode(), replay=replay, pairs=report["pairs"])


async def test_kappa_is_that_of_the_votes_until_now(
    operator: Client, database: AsyncEngine
) -> None:
    turns = await add_turns(database, 12)
    votes = ["new" if place % 2 == 0 else "old" for place in range(12)]
    votes[-2:] = ["old", "new"]
    replay = await add_replay(database, turns, votes)
    number = await add_evaluation(database, of_replay(turns, replay))
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "투표한 12쌍 가운데 10쌍에서" in page
    assert "코언의 카파는 0.67입니다 (95% 신뢰구간" in page
    assert f"/admin/replays/{replay}" in page
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM replay_votes WHERE position > 4"))
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "투표한 5쌍 가운데 5쌍에서" in page
    assert "너무 적습니다. 10쌍 이상" in page
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM replay_votes"))
    assert "아직 사람의 투표가 없습니다" in await page_of(operator, f"{PAGE}/{number}")


async def test_a_preference_that_the_order_decided_is_none(
    operator: Client, database: AsyncEngine
) -> None:
    turns = await add_turns(database, 12)
    replay = await add_replay(database, turns, ["tie"] * 12)
    report = json.loads(of_replay(turns, replay))
    for pair in report["pairs"]:
        pair["note"] = "unsteady"
    number = await add_evaluation(database, json.dumps(report).encode())
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "투표한 12쌍 가운데 12쌍에서" in page
    assert "카파가 정해지지 않습니다" in page


async def test_the_questions_of_an_evaluation_are_asked_again_for_people_to_compare(
    operator: Client, database: AsyncEngine
) -> None:
    turns = await add_turns(database, 3)
    content = comparison([str(turn) for turn in turns])
    number = await add_evaluation(database, content)
    assert "이 질문들을 사람이 비교하기" in await page_of(operator, f"{PAGE}/{number}")
    form = await page_of(operator, f"/admin/replays/new?evaluation={number}&name=사람과")
    assert "모델 평가에서 쓴 질문을 다시 물어봅니다" in form
    sent = await send(operator, "/admin/replays", evaluation=str(number), name="사람과")
    assert sent.status == 303
    async with database.connect() as connection:
        asked = await connection.scalars(text("SELECT turn_id FROM replay_items ORDER BY position"))
        assert list(asked) == turns
    [ordered] = [one for one in await logged(database) if one.action == "replay_ordered"]
    assert json.loads(ordered.details)["evaluation"] == number


@pytest.mark.parametrize("evaluation", ["x", "999", "0"])
async def test_questions_that_are_not_there_are_a_sentence(
    operator: Client, evaluation: str
) -> None:
    sent = await send(operator, "/admin/replays", evaluation=evaluation, name="사람과")
    assert sent.status in (400, 409)
    assert "다시 물어볼 평가를 찾을 수 없거나" in await sent.text()


async def test_an_open_verdict_says_how_many_more_questions_are_needed(
    operator: Client, database: AsyncEngine
) -> None:
    report = json.loads(comparison())
    [judged] = [one for one in report["measures"] if one["name"] == "judge"]
    judged["overall"].update(pairs=50, detectable=1.0, verdict="cannot_tell", low=-0.5, high=0.6)
    report["verdict"] = "cannot_tell"
    number = await add_evaluation(database, json.dumps(report).encode())
    page = await page_of(operator, f"{PAGE}/{number}")
    assert "차이 0.5: 약 200개" in page
    assert "차이 0.25: 약 800개" in page
    better = await add_evaluation(database)
    assert "필요한 질문 수" not in await page_of(operator, f"{PAGE}/{better}")


async def test_logickor_with_other_questions_is_said(
    operator: Client, database: AsyncEngine
) -> None:
    number = await add_evaluation(database, logickor())
    assert "공개된 LogicKor와 다릅니다" in await page_of(operator, f"{PAGE}/{number}")
