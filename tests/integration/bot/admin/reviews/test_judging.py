"""Judging an answer: what counts, what is shown, and that nothing is overwritten or lost."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from bot.domain.feedback import Reason
from bot.domain.reviews import MAX_CORRECTION_CHARS, Verdict
from bot.store.reviews.judged_turns import read_judged
from tests.support.admin import Client, StartAdmin, add_user, csrf_of, log_in
from tests.support.audit import logged
from tests.support.reviews import judge, new_queue, post, rows
from tests.support.sample_turns import NOON, add_turn

MINE = "제가 쓴 고친 답변입니다. 사흘 걸립니다."


@pytest.fixture
async def reviewer(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    await add_user(database, "lee", Role.REVIEWER)
    client = await start_admin(database)
    await log_in(client, user="lee")
    return client


@pytest.fixture
async def other(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    await add_user(database, "kim", Role.REVIEWER)
    client = await start_admin(database)
    await log_in(client, user="kim")
    return client


async def counting(database: AsyncEngine, turn_id: UUID) -> tuple[object, ...]:
    async with database.connect() as connection:
        found = (await read_judged(connection, [turn_id])).get(turn_id)
    if found is None:
        return ()
    return (found.verdict, found.reasons, found.correction, found.authoritative, found.disputed)


async def page(client: Client, turn_id: UUID, query: str = "") -> str:
    response = await client.get(f"/admin/reviews/turns/{turn_id}{query}")
    assert response.status == 200
    return await response.text()


async def test_a_judgement_counts_at_once(reviewer: Client, database: AsyncEngine) -> None:
    turn_id = await add_turn(database)
    assert await counting(database, turn_id) == ()
    fields = {"verdict": "bad", "reason_wrong": "1", "reason_korean": "1", "note": "며칠인지 틀림"}
    response = await judge(reviewer, turn_id, correction=MINE, **fields)
    assert response.status == 303
    reasons = (Reason.WRONG, Reason.KOREAN)
    assert await counting(database, turn_id) == (Verdict.BAD, reasons, MINE, False, False)
    shown = await page(reviewer, turn_id)
    assert "며칠인지 틀림" in shown
    assert "<del>" in shown
    [act] = [one for one in await logged(database) if one.action == "review_written"]
    assert (act.actor, act.object) == ("lee", f"turn:{turn_id}")
    assert json.loads(act.details) == {
        "verdict": "bad", "reasons": ["wrong", "korean"], "corrected": True,
    }  # fmt: skip
    assert MINE not in act.details


async def test_an_answer_left_as_it_was_shown_is_no_correction(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database, answer="제 번호는 010-1234-5678입니다.\n연락 주세요.")
    shown = await page(reviewer, turn_id)
    assert "010-1234-5678" not in shown
    box = shown.split('name="correction"')[1].split("</textarea>")[0].split(">", 1)[1]
    sent = box.strip().replace("\n", "\r\n")
    response = await judge(reviewer, turn_id, verdict="bad", reason_unsafe="1", correction=sent)
    assert response.status == 303
    assert (await counting(database, turn_id))[2] is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"verdict": ""}, "판정을 골라 주세요"),
        ({"verdict": "great"}, "판정을 골라 주세요"),
        ({"verdict": "bad"}, "무엇이 문제인지"),
        ({"reason_wrong": "1"}, "문제를 고를 수 없습니다"),
        ({"correction": MINE}, "답변을 고칠 수 없습니다"),
        ({"note": "가" * 1001}, "‘메모’에는 1,000자까지"),
    ],
)
async def test_what_cannot_be_saved_says_why_and_keeps_the_text(
    reviewer: Client, database: AsyncEngine, fields: dict[str, str], sentence: str
) -> None:
    turn_id = await add_turn(database)
    response = await judge(reviewer, turn_id, **{"note": "쓰던 메모"} | fields)
    assert response.status == 400
    shown = await response.text()
    assert sentence in shown
    assert fields.get("note", "쓰던 메모") in shown
    assert await counting(database, turn_id) == ()


async def test_a_correction_of_the_largest_size_is_taken(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    bad = {"verdict": "bad", "reason_wrong": "1"}
    long = "가" * MAX_CORRECTION_CHARS
    assert (await judge(reviewer, turn_id, correction=f"{long}나", **bad)).status == 400
    assert (await judge(reviewer, turn_id, correction=long, **bad)).status == 303
    assert (await counting(database, turn_id))[2] == long


@pytest.mark.parametrize("length", [4_000, MAX_CORRECTION_CHARS, 20_000])
async def test_a_page_of_long_texts_stays_small_and_leads_to_the_whole(
    operator: Client, reviewer: Client, other: Client, database: AsyncEngine, length: int
) -> None:
    words = "환불은 사흘 걸립니다. " * (length // 13)
    for hours in range(5, 0, -1):
        await add_turn(database, words, words, received_at=NOON - timedelta(hours=hours))
    turn_id = await add_turn(database, words, words)
    queue = await new_queue(reviewer, database, reviewers="3")
    corrected = {"verdict": "bad", "reason_wrong": "1", "note": "길다" * 400, "correction": MINE}
    for client in (reviewer, other):
        await judge(client, turn_id, queue, **corrected)
    for query in ("", f"?queue={queue}", f"?queue={queue}&decide=1"):
        for client in (operator, reviewer):
            shown = await page(client, turn_id, query)
            assert len(shown.encode()) < 60_000
            assert f"/admin/turns/{turn_id}/texts/answer" in shown
    link = f"/admin/reviews/turns/{turn_id}?queue={queue}&amp;decide=1"
    # What is too long to be corrected leaves the boxes empty, and both have room.
    is_apart = length <= MAX_CORRECTION_CHARS
    assert (link in await page(operator, turn_id, f"?queue={queue}")) is is_apart
    deciding = await page(operator, turn_id, f"?queue={queue}&decide=1")
    assert f'action="/admin/reviews/turns/{turn_id}/verdict"' in deciding
    # It is not the reviewers', whatever their address says.
    assert 'id="judge"' in await page(reviewer, turn_id, "?decide=1")


async def test_comparing_shows_the_changes_and_saves_nothing(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    response = await judge(reviewer, turn_id, act="preview", correction="보통 사흘 걸립니다.")
    shown = await response.text()
    assert response.status == 200
    assert "보통 <del>이틀</del><ins>사흘</ins> 걸립니다." in shown
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []


async def test_of_two_reviewers_at_once_the_later_is_told_and_nothing_is_overwritten(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database)
    bad = {"verdict": "bad", "reason_wrong": "1", "correction": MINE}
    statuses = await asyncio.gather(
        judge(reviewer, turn_id, queue, note="리의 메모"),
        judge(other, turn_id, queue, note="김의 메모", **bad),
    )
    first, later = sorted(statuses, key=lambda response: response.status)
    assert (first.status, later.status) == (303, 409)
    shown = await later.text()
    assert "다른 검토자가 이 답변의 검토를 마쳐" in shown
    assert ("김의 메모" in shown) is not ("리의 메모" in shown)
    assert len(await rows(database, "SELECT 1 AS one FROM reviews")) == 1
    # Told, the later one may add an opinion: then both stand, and they differ.
    late = (reviewer, other)[statuses.index(later)]
    fields = bad if late is other else {}
    again = await judge(late, turn_id, queue, anyway="1", **fields)
    assert again.status == 303
    assert len(await rows(database, "SELECT 1 AS one FROM reviews")) == 2
    assert await counting(database, turn_id) == (None, (), None, False, True)


async def test_while_somebody_holds_a_turn_another_cannot_save_and_keeps_the_text(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database)
    taken = await post(reviewer, f"/admin/reviews/queues/{queue}/next")
    assert taken.headers["Location"] == f"/admin/reviews/turns/{turn_id}?queue={queue}"
    assert "lee 님이" in await page(other, turn_id, f"?queue={queue}")
    refused = await judge(other, turn_id, queue, note="김의 메모")
    assert refused.status == 409
    assert "김의 메모" in await refused.text()
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []
    empty = await post(other, f"/admin/reviews/queues/{queue}/next")
    assert empty.headers["Location"] == f"/admin/reviews/queues/{queue}?end=1"


async def test_reviewers_who_begin_at_once_get_different_turns(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    every = [await add_turn(database, received_at=NOON - timedelta(days=n)) for n in range(3)]
    queue = await new_queue(reviewer, database)
    address = f"/admin/reviews/queues/{queue}/next"
    began = await asyncio.gather(*(post(client, address) for client in (reviewer, other)))
    places = {response.headers["Location"] for response in began}
    assert len(places) == 2
    assert places < {f"/admin/reviews/turns/{turn_id}?queue={queue}" for turn_id in every}


async def test_a_third_opinion_is_asked_for_where_two_differ(
    operator: Client, reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    await judge(reviewer, turn_id)
    await judge(other, turn_id, verdict="bad", reason_wrong="1")
    queue = await new_queue(operator, database, q="review:disputed", reviewers="3")
    taken = await post(operator, f"/admin/reviews/queues/{queue}/next")
    assert str(turn_id) in taken.headers["Location"]
    await judge(operator, turn_id, queue)
    found = await counting(database, turn_id)
    assert (found[0], found[4]) == (Verdict.GOOD, True)


async def test_a_reservation_that_ran_out_while_one_wrote_loses_nothing(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database)
    await post(reviewer, f"/admin/reviews/queues/{queue}/next")
    await rows(database, "UPDATE review_items SET held_until = now() - interval '1 second'")
    # Nobody else has taken it: it is saved as if nothing had happened.
    before = await rows(database, "SELECT missing FROM review_items")
    assert before == [{"missing": 1}]
    taken = await post(other, f"/admin/reviews/queues/{queue}/next")
    assert str(turn_id) in taken.headers["Location"]
    refused = await judge(reviewer, turn_id, queue, note="늦게 쓴 메모")
    assert refused.status == 409
    assert "늦게 쓴 메모" in await refused.text()
    await rows(database, "UPDATE review_items SET held_until = now() - interval '1 second'")
    assert (await judge(reviewer, turn_id, queue, note="늦게 쓴 메모")).status == 303
    assert await rows(database, "SELECT note FROM reviews") == [{"note": "늦게 쓴 메모"}]
    assert await rows(database, "SELECT missing FROM review_items") == [{"missing": 0}]


async def test_the_next_form_that_is_sent_renews_the_reservation(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database)
    await post(reviewer, f"/admin/reviews/queues/{queue}/next")
    soon = "UPDATE review_items SET held_until = now() + interval '1 second'"
    await rows(database, soon)
    response = await judge(reviewer, turn_id, queue, act="preview", note="쓰는 중")
    assert "예약 시간을 새로 시작했습니다" in await response.text()
    [left] = await rows(
        database, "SELECT held_until > now() + interval '10 min' AS l FROM review_items"
    )
    assert left == {"l": True}


async def test_the_same_review_in_two_windows_is_not_overwritten_unread(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    await judge(reviewer, turn_id, note="처음")
    refused = await judge(reviewer, turn_id, note="다른 창")
    assert refused.status == 409
    shown = await refused.text()
    assert "다른 창" in shown
    assert "처음" in shown
    assert 'name="version" value="1"' in shown
    assert (await judge(reviewer, turn_id, note="다른 창", version="1")).status == 303
    assert await rows(database, "SELECT note, version FROM reviews") == [
        {"note": "다른 창", "version": 2}
    ]


async def test_a_role_taken_away_while_one_writes_saves_nothing_and_shows_the_text(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    await rows(database, "UPDATE dashboard_users SET role = 'viewer' WHERE name = 'lee'")
    refused = await judge(reviewer, turn_id, note="길게 쓰던 메모\n둘째 줄")
    assert refused.status == 403
    shown = await refused.text()
    assert "볼 권한이 없습니다" in shown
    assert "길게 쓰던 메모" in shown
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []


async def test_text_survives_a_session_that_has_ended(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    address = f"/admin/reviews/turns/{turn_id}"
    token = csrf_of(await (await reviewer.get("/admin/account")).text())
    await post(reviewer, "/admin/logout")
    fields = {"verdict": "bad", "reason_wrong": "1", "correction": MINE, "version": "0"}
    refused = await reviewer.post(address, data={"csrf": token} | fields)
    assert refused.status == 403
    shown = await refused.text()
    assert MINE in shown
    assert "새 창에서 로그인" in shown
    # Logged in again, the text is sent with the old token, shown once more, and saved then.
    await log_in(reviewer, user="lee")
    again = await reviewer.post(address, data={"csrf": token} | fields)
    assert again.status == 403
    shown = await again.text()
    assert MINE in shown
    assert 'name="reason_wrong" value="1" checked' in shown
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []
    assert (await judge(reviewer, turn_id, **fields)).status == 303


async def test_a_declined_turn_is_offered_to_others_only(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    first = await add_turn(database, received_at=NOON)
    second = await add_turn(database, received_at=NOON - timedelta(minutes=1))
    queue = await new_queue(reviewer, database)
    following = await judge(reviewer, first, queue, act="decline", verdict="", note="제 분야 아님")
    assert str(second) in following.headers["Location"]
    ended = await judge(reviewer, second, queue)
    assert ended.headers["Location"].endswith("?end=1")
    assert await counting(database, first) == ()
    offered = await post(other, f"/admin/reviews/queues/{queue}/next")
    assert str(first) in offered.headers["Location"]
    acts = [one.action for one in await logged(database)]
    assert "review_declined" in acts


async def test_a_skipped_turn_comes_last(reviewer: Client, database: AsyncEngine) -> None:
    first = await add_turn(database, received_at=NOON)
    second = await add_turn(database, received_at=NOON - timedelta(minutes=1))
    queue = await new_queue(reviewer, database)
    skipped = await judge(reviewer, first, queue, act="skip", verdict="")
    assert str(second) in skipped.headers["Location"]
    assert await rows(database, "SELECT 1 AS one FROM reviews") == []
    following = await judge(reviewer, second, queue)
    assert str(first) in following.headers["Location"]


async def test_what_others_say_is_hidden_until_one_has_judged(
    reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    await judge(reviewer, turn_id, note="리의 의견")
    assert "리의 의견" not in await page(other, turn_id)
    await judge(other, turn_id, note="김의 의견")
    assert "리의 의견" in await page(other, turn_id)


async def test_the_adjudicators_word_counts_and_ends_the_reviews(
    operator: Client, reviewer: Client, other: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database, reviewers="3")
    await judge(reviewer, turn_id, queue)
    await judge(other, turn_id, queue, verdict="bad", reason_format="1")
    assert (await counting(database, turn_id))[0] is None
    path = f"/admin/reviews/turns/{turn_id}/verdict"
    assert path in await page(operator, turn_id)
    assert path not in await page(reviewer, turn_id)
    word = {"verdict": "bad", "reason_wrong": "1", "correction": MINE, "version": "0"}
    assert (await post(reviewer, path, **word)).status == 403
    assert (await post(operator, path, **word | {"verdict": ""})).status == 303
    assert await counting(database, turn_id) == (Verdict.BAD, (Reason.WRONG,), MINE, True, False)
    assert await rows(database, "SELECT missing FROM review_items") == [{"missing": 0}]
    stale = await post(operator, path, **word | {"note": "다른 관리자의 창"})
    assert stale.status == 409
    assert "다른 관리자의 창" in await stale.text()
    # Later reviews change nothing of what counts.
    await judge(reviewer, turn_id, queue, version="1")
    assert (await counting(database, turn_id))[0] is Verdict.BAD
    acts = [(one.actor, one.action) for one in await logged(database)]
    assert acts.count(("admin", "review_decided")) == 1


async def test_a_turn_that_is_erased_takes_its_reviews_along(
    reviewer: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(reviewer, database)
    await judge(reviewer, turn_id, queue)
    await rows(database, "DELETE FROM turns")
    for table in ("reviews", "review_items", "judged_turns"):
        assert await rows(database, f"SELECT 1 AS one FROM {table}") == []
    assert (await judge(reviewer, turn_id, queue)).status == 404
    assert (await reviewer.get(f"/admin/reviews/turns/{turn_id}")).status == 404


async def test_peoples_votes_and_the_conversation_before_stand_beside_it(
    reviewer: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "먼저 한 질문", "먼저 한 답변", received_at=NOON - timedelta(hours=1))
    turn_id = await add_turn(database)
    vote = (
        "INSERT INTO feedback (turn_id, voter, vote, reasons, note)"
        " VALUES (:id, 'v', 'bad', '{unsafe}', '제 번호는 010-1234-5678')"
    )
    await rows(database, vote, id=turn_id)
    shown = await page(reviewer, turn_id)
    for words in ("먼저 한 질문", "먼저 한 답변", "싫어요", "안전하지 않음"):
        assert words in shown
    assert "010-1234-5678" not in shown


async def test_hostile_words_stay_text(reviewer: Client, database: AsyncEngine) -> None:
    attack = "</textarea><script>alert(1)</script>"
    turn_id = await add_turn(database, attack, attack, sender=attack)
    queue = await new_queue(reviewer, database, name=attack[:60])
    fields = {"verdict": "bad", "reason_wrong": "1", "note": attack, "correction": f"{attack}!"}
    previewed = await judge(reviewer, turn_id, queue, act="preview", **fields)
    await judge(reviewer, turn_id, queue, **fields)
    pages = [
        await previewed.text(),
        await page(reviewer, turn_id, f"?queue={queue}"),
        await (await reviewer.get(f"/admin/reviews/queues/{queue}")).text(),
        await (await reviewer.get("/admin/reviews")).text(),
    ]
    token = csrf_of(await (await reviewer.get("/admin/account")).text())
    await post(reviewer, "/admin/logout")
    lost = await reviewer.post(f"/admin/reviews/turns/{turn_id}", data={"csrf": token} | fields)
    for shown in (*pages, await lost.text()):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;" in shown


@pytest.mark.parametrize(
    "path", ["x", "7f1d3c52-6b1e-4a8e-9f0a-3f4b8c2d1e90", "00000000-0000-0000-0000-000000000000"]
)
async def test_a_turn_that_there_is_not_is_told(reviewer: Client, path: str) -> None:
    assert (await reviewer.get(f"/admin/reviews/turns/{path}")).status == 404
    assert (await post(reviewer, f"/admin/reviews/turns/{path}", verdict="good")).status == 404


async def test_an_unanswered_turn_cannot_be_judged(reviewer: Client, database: AsyncEngine) -> None:
    turn_id = await add_turn(database, answer=None)
    assert (await judge(reviewer, turn_id)).status == 404
