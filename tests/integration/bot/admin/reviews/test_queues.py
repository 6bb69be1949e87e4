"""Review queues: made, filled, listed, gone through, closed."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reviews import random_walk
from bot.admin.reviews.filler import QueueFiller
from bot.domain.dashboard_users import Role
from bot.store.locks import OneBot, try_lock
from bot.store.reviews import candidates, queues
from tests.support.admin import MESSENGER_LABELS, Client, StartAdmin, add_user, log_in
from tests.support.audit import logged
from tests.support.lock_waits import until_waiting
from tests.support.reviews import QUEUE, fill, judge, new_queue, post, rows
from tests.support.sample_turns import NOON, add_turn

VOTE = "INSERT INTO feedback (turn_id, voter, vote, reasons) VALUES (:id, 'v', 'bad', '{wrong}')"


async def turns_of(database: AsyncEngine, queue: int) -> list[UUID]:
    found = await rows(
        database, "SELECT turn_id FROM review_items WHERE queue_id = :q ORDER BY id", q=queue
    )
    return [UUID(str(row["turn_id"])) for row in found]


async def shown(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(f"/admin/reviews{path}")
    assert response.status == status
    return await response.text()


async def seen_before(database: AsyncEngine, interval: str) -> None:
    """Let the filler's last look have been so long ago."""
    then = f"UPDATE review_queues SET filled_until = now() - interval '{interval}'"
    await rows(database, then)


async def add_turns(database: AsyncEngine, count: int, **columns: object) -> list[UUID]:
    """Turns, the newest first."""
    times = [NOON - timedelta(minutes=number) for number in range(count)]
    return [await add_turn(database, received_at=at, **columns) for at in times]  # type: ignore[arg-type]


async def test_without_any_the_page_says_what_to_do(operator: Client) -> None:
    assert "아직 검토 대기열이 없습니다" in await shown(operator, "")


async def test_a_queue_is_filled_with_what_its_search_finds(
    operator: Client, database: AsyncEngine
) -> None:
    refund = await add_turn(database, "환불 규정이 어떻게 되나요?", received_at=NOON)
    await add_turn(database, "배송은 언제 오나요?")
    await add_turn(database, "환불 되나요?", None)
    older = await add_turn(database, "환불 신청", received_at=NOON - timedelta(days=40))
    queue = await new_queue(operator, database, q="환불 메신저:카카오톡")
    assert await turns_of(database, queue) == [refund, older]
    page = await shown(operator, f"/queues/{queue}")
    assert "환불 규정이 어떻게" in page
    assert "2개 가운데 0개 마침" in page
    [act] = [one for one in await logged(database) if one.action == "review_queue_created"]
    assert json.loads(act.details) == {"sampling": "all", "searched": True}


async def test_a_search_for_masked_data_fills_nothing(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "제 번호는 010-1234-5678입니다")
    queue = await new_queue(operator, database, q="010-1234")
    assert await turns_of(database, queue) == []


async def test_all_that_was_voted_down_is_a_queue(operator: Client, database: AsyncEngine) -> None:
    first, *_ = await add_turns(database, 3)
    await rows(database, VOTE, id=first)
    queue = await new_queue(operator, database, which="bad_votes")
    assert await turns_of(database, queue) == [first]


async def test_a_seed_chooses_the_same_sample_again(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "BLOCK", 7)  # several blocks
    every = await add_turns(database, 30)
    sample = {"which": "random", "size": "10", "seed": "4"}
    one, two = [await new_queue(operator, database, **sample) for _ in range(2)]
    other = await new_queue(operator, database, **sample | {"seed": "5"})
    first = await turns_of(database, one)
    assert len(first) == 10
    assert set(first) < set(every)
    assert await turns_of(database, two) == first
    assert await turns_of(database, other) != first


async def test_a_stratified_sample_has_as_many_of_each_kind(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turns(database, 12)
    slack = await add_turns(database, 3, messenger="slack", key="C1")
    sample = {"which": "stratified", "size": "6", "strata": "messenger", "seed": "1"}
    chosen = await turns_of(database, await new_queue(operator, database, **sample))
    assert len(chosen) == 6
    assert set(slack) < set(chosen)


async def test_a_sample_can_have_as_many_of_each_reason_that_people_gave(
    operator: Client, database: AsyncEngine
) -> None:
    every = await add_turns(database, 20)
    await rows(database, VOTE, id=every[3])
    await rows(database, VOTE.replace("wrong", "unsafe"), id=every[7])
    sample = {"which": "stratified", "size": "4", "strata": "reason", "seed": "1"}
    chosen = await turns_of(database, await new_queue(operator, database, **sample))
    assert len(chosen) == 4
    assert {every[3], every[7]} < set(chosen)


async def test_a_queue_that_fills_itself_takes_what_is_answered_or_voted_on_later(
    operator: Client, database: AsyncEngine
) -> None:
    old = await add_turn(database)
    queue = await new_queue(operator, database, which="bad_votes", fills_itself="1")
    assert await turns_of(database, queue) == []
    await rows(database, VOTE, id=old)
    await seen_before(database, "10 minutes")
    await fill(database)
    assert await turns_of(database, queue) == [old]
    now = datetime.now(UTC)
    new = await add_turn(database, received_at=now, settled_at=now)
    await rows(database, VOTE, id=new)
    await seen_before(database, "10 minutes")
    await fill(database)
    assert await turns_of(database, queue) == [old, new]


async def test_more_changes_than_one_look_takes_are_all_seen(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = await new_queue(operator, database, fills_itself="1")
    start = datetime.now(UTC) - timedelta(minutes=5)
    late = [start + timedelta(seconds=number) for number in range(5)]
    every = {await add_turn(database, received_at=at, settled_at=at) for at in late}
    monkeypatch.setattr(candidates, "MAX_CHANGED", 2)
    await seen_before(database, "10 minutes")
    for _ in range(4):
        await fill(database)
    assert set(await turns_of(database, queue)) == every


async def test_a_sample_that_fills_itself_takes_one_of_each_day(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turns(database, 5)
    sample = {"which": "random", "size": "2", "fills_itself": "1"}
    queue = await new_queue(operator, database, **sample)
    assert len(await turns_of(database, queue)) == 2
    made = await rows(database, "SELECT filled_until FROM review_queues")
    first_day = made[0]["filled_until"] + timedelta(seconds=1)
    for day in range(2):
        for _ in range(4):
            await add_turn(database, received_at=first_day + timedelta(days=day))
    await fill(database, now=first_day)
    assert len(await turns_of(database, queue)) == 2
    for more in (2, 4, 4):
        await fill(database, now=first_day + timedelta(days=2))
        assert len(await turns_of(database, queue)) == 2 + more


async def test_a_sample_of_a_long_log_costs_what_the_sample_costs(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "BLOCK", 7)
    monkeypatch.setattr(random_walk, "MAX_LOOKED_AT", 21)
    every = await add_turns(database, 60)
    sample = {"which": "random", "size": "10", "seed": "4"}
    one, two = [await new_queue(operator, database, **sample) for _ in range(2)]
    other = await new_queue(operator, database, **sample | {"seed": "5"})
    first = await turns_of(database, one)
    assert len(first) == 10
    assert set(first) < set(every)
    assert await turns_of(database, two) == first
    assert await turns_of(database, other) != first
    [looked_at] = await rows(database, "SELECT max(scanned) AS most FROM review_queues")
    assert looked_at["most"] <= 21


async def test_where_few_turns_of_a_long_log_meet_the_query_the_whole_log_is_looked_at(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "BLOCK", 7)
    monkeypatch.setattr(random_walk, "MAX_LOOKED_AT", 21)
    await add_turns(database, 60)
    rare = await add_turns(database, 3, messenger="slack", key="C1")
    queue = await new_queue(
        operator, database, which="random", size="3", seed="4", q="메신저:Slack"
    )
    assert set(await turns_of(database, queue)) == set(rare)


async def test_each_turn_of_a_long_log_has_the_same_chance(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of both halves of the log by time about as many: the walk knows nothing of time."""
    monkeypatch.setattr(random_walk, "MAX_LOOKED_AT", 50)
    every = await add_turns(database, 80)
    newer = set(every[:40])
    counted = 0
    for seed in range(12):
        queue = await new_queue(operator, database, which="random", size="20", seed=str(seed))
        counted += len(newer.intersection(await turns_of(database, queue)))
    assert 60 < counted < 180  # 120 of 240, and far beyond any chance


async def test_a_closed_queue_frees_its_reservations_and_takes_no_judgement(
    operator: Client, database: AsyncEngine
) -> None:
    turn = await add_turn(database)
    queue = await new_queue(operator, database)
    await post(operator, f"/admin/reviews/queues/{queue}/next")
    [held] = await rows(database, "SELECT holder_id FROM review_items")
    assert held["holder_id"] is not None
    await post(operator, f"/admin/reviews/queues/{queue}/state", state="closed")
    [free] = await rows(database, "SELECT holder_id, held_until FROM review_items")
    assert (free["holder_id"], free["held_until"]) == (None, None)
    refused = await judge(operator, turn, queue=str(queue))
    assert refused.status == 409
    assert "대기열이 닫혀 저장하지 않았습니다" in await refused.text()
    assert await rows(database, "SELECT id FROM reviews") == []


async def test_a_closed_queue_without_a_review_of_it_can_be_deleted(
    operator: Client, database: AsyncEngine
) -> None:
    turn = await add_turn(database)
    queue, judged = [await new_queue(operator, database) for _ in range(2)]
    assert (await judge(operator, turn, queue=str(judged))).status == 303
    delete = f"/admin/reviews/queues/{queue}/delete"
    assert (await post(operator, delete)).status == 409  # it is open
    for one in (queue, judged):
        await post(operator, f"/admin/reviews/queues/{one}/state", state="closed")
    assert "대기열 삭제" in await shown(operator, f"/queues/{queue}")
    assert "대기열 삭제" not in await shown(operator, f"/queues/{judged}")
    assert (await post(operator, delete)).status == 303
    assert (await post(operator, delete)).status == 404
    assert (await post(operator, f"/admin/reviews/queues/{judged}/delete")).status == 409
    left = await rows(database, "SELECT id FROM review_queues")
    assert [row["id"] for row in left] == [judged]
    assert len(await rows(database, "SELECT id FROM review_items")) == 1
    [act] = [one for one in await logged(database) if one.action == "review_queue_deleted"]
    assert json.loads(act.details) == {"turns": 1}


async def test_a_queue_that_is_deleted_while_one_judges_in_it_keeps_what_was_typed(
    operator: Client, database: AsyncEngine
) -> None:
    turn = await add_turn(database)
    queue = await new_queue(operator, database)
    committed = database.execution_options(isolation_level="READ COMMITTED")
    async with committed.begin() as holding:
        await holding.execute(text("SELECT FROM turns FOR NO KEY UPDATE"))
        judging = asyncio.create_task(judge(operator, turn, queue, note="아까운 의견"))
        await until_waiting(database)
        async with committed.begin() as connection:
            assert await queues.close(connection, queue)
            assert await queues.remove(connection, queue)
    refused = await judging
    assert refused.status == 409
    page = await refused.text()
    assert "아까운 의견" in page
    assert f'name="queue" value="{queue}"' not in page
    assert await rows(database, "SELECT id FROM reviews") == []


async def test_a_queue_that_is_closed_while_it_is_filled_stays_as_it_is_until_it_is_opened(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = await add_turn(database)
    queue = int(
        (await post(operator, "/admin/reviews", **QUEUE)).headers["Location"].split("/")[-1]
    )
    read = candidates.next_block

    async def closed_meanwhile(*args: Any) -> candidates.Block:
        await post(operator, f"/admin/reviews/queues/{queue}/state", state="closed")
        return await read(*args)

    with monkeypatch.context() as patched:
        patched.setattr(candidates, "next_block", closed_meanwhile)
        await fill(database)
    assert await turns_of(database, queue) == []
    await post(operator, f"/admin/reviews/queues/{queue}/state", state="open")
    await fill(database)
    assert await turns_of(database, queue) == [turn]


async def test_opening_a_queue_again_counts_as_opening_one(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = await new_queue(operator, database)
    await post(operator, f"/admin/reviews/queues/{closed}/state", state="closed")
    await new_queue(operator, database)
    monkeypatch.setattr(queues, "MAX_OPEN", 1)
    response = await post(operator, f"/admin/reviews/queues/{closed}/state", state="open")
    assert response.status == 409
    [open_ones] = await rows(
        database, "SELECT count(*) AS n FROM review_queues WHERE closed_at IS NULL"
    )
    assert open_ones["n"] == 1


async def test_two_bots_fill_a_queue_once(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database)
    committed = database.execution_options(isolation_level="READ COMMITTED")
    async with committed.begin() as first:
        assert await try_lock(first, OneBot.REVIEW_QUEUES)
        response = await post(operator, "/admin/reviews", **QUEUE)
        queue = int(response.headers["Location"].rsplit("/", 1)[1])
        await fill(database)
        assert await turns_of(database, queue) == []
        assert "답변을 고르는 중입니다" in await shown(operator, f"/queues/{queue}")
    await fill(database)
    await fill(database)
    assert len(await turns_of(database, queue)) == 1


async def test_one_queues_fault_is_told_and_stops_no_other(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    made = [await post(operator, "/admin/reviews", **QUEUE) for _ in range(2)]
    broken, whole = (int(one.headers["Location"].rsplit("/", 1)[1]) for one in made)
    committed = database.execution_options(isolation_level="READ COMMITTED")
    async with committed.begin() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN IF NEW.queue_id = {broken} THEN RAISE 'broken'; END IF;"
                " RETURN NEW; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON review_items"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        )
    filler = QueueFiller(database=committed, messengers=MESSENGER_LABELS)
    await filler.fill()
    await filler.fill()
    assert await turns_of(database, whole) == [turn_id]
    assert "지난번에 끝까지 고르지 못했습니다" in await shown(operator, f"/queues/{broken}")


async def test_a_turn_that_is_judged_already_needs_fewer_reviews(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    await judge(operator, turn_id)
    queue = await new_queue(operator, database, reviewers="2")
    assert await rows(database, "SELECT missing FROM review_items") == [{"missing": 1}]
    assert "검토 1명 남음" in await shown(operator, f"/queues/{queue}")


async def test_one_resumes_at_the_first_open_turn_and_ends_at_the_queue(
    operator: Client, database: AsyncEngine
) -> None:
    first, second, third = await add_turns(database, 3)
    queue = await new_queue(operator, database)
    assert "검토 시작하기" in await shown(operator, f"/queues/{queue}")
    address = f"/admin/reviews/queues/{queue}/next"
    assert str(first) in (await post(operator, address)).headers["Location"]
    assert str(first) in (await post(operator, address)).headers["Location"]
    assert str(second) in (await judge(operator, first, queue)).headers["Location"]
    assert str(second) in (await post(operator, address)).headers["Location"]
    page = await shown(operator, f"/queues/{queue}")
    assert "이어서 검토하기" in page
    assert "3개 가운데 1개 마침" in page
    assert re.search(r'<th scope="row">admin</th><td class="number">1</td>', page)
    assert "admin 님이" in page
    assert str(third) in (await judge(operator, second, queue)).headers["Location"]
    assert (await judge(operator, third, queue)).headers["Location"].endswith("?end=1")
    ended = await shown(operator, f"/queues/{queue}?end=1")
    assert "모두 보았습니다" in ended
    assert "이어서 검토하기" not in ended


async def test_the_parts_of_a_queue_are_listed(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    kim = await start_admin(database)
    await log_in(kim, user="kim")
    agreed, disputed, left = await add_turns(database, 3)
    queue = await new_queue(operator, database, reviewers="2")
    for client in (operator, kim):
        await judge(client, agreed, queue)
    await judge(operator, disputed, queue)
    await judge(kim, disputed, queue, verdict="bad", reason_unsafe="1")
    for part, expected in (
        ("all", {agreed, disputed, left}),
        ("open", {left}),
        ("done", {agreed, disputed}),
        ("disputed", {disputed}),
    ):
        page = await shown(operator, f"/queues/{queue}?part={part}")
        assert {UUID(found) for found in re.findall(r"/reviews/turns/([^?]+)\?", page)} == expected


async def test_pages_of_a_queue_follow_each_other_without_gap_or_repeat(
    operator: Client, database: AsyncEngine
) -> None:
    every = await add_turns(database, 53)
    queue = await new_queue(operator, database)
    page = await shown(operator, f"/queues/{queue}")
    assert len(page.encode()) < 60_000
    found = re.findall(r"/reviews/turns/([^?]+)\?", page)
    [following] = re.findall(r'rel="next" href="/admin/reviews(/queues[^"]+)"', page)
    found += re.findall(
        r"/reviews/turns/([^?]+)\?", await shown(operator, following.replace("&amp;", "&"))
    )
    assert [UUID(one) for one in found] == every


async def test_the_list_of_queues_is_paged(operator: Client, database: AsyncEngine) -> None:
    for number in range(21):
        await post(operator, "/admin/reviews", **QUEUE | {"name": f"대기열 {number}"})
    first = await shown(operator, "")
    [older] = re.findall(r'rel="next" href="/admin/reviews(\?before=[^"]+)"', first)
    second = await shown(operator, older)
    names = re.findall(r">(대기열 \d+)</a>", first + second)
    assert names == [f"대기열 {number}" for number in range(20, -1, -1)]


async def test_a_closed_queue_offers_nothing_and_can_be_opened_again(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(operator, database)
    path = f"/admin/reviews/queues/{queue}"
    assert (await post(operator, f"{path}/state", state="closed")).status == 303
    assert (await post(operator, f"{path}/state", state="closed")).status == 409
    assert (await post(operator, f"{path}/next")).headers["Location"].endswith("?end=1")
    assert "검토 시작하기" not in await shown(operator, f"/queues/{queue}")
    assert (await post(operator, f"{path}/state", state="open")).status == 303
    assert str(turn_id) in (await post(operator, f"{path}/next")).headers["Location"]
    acts = [one.action for one in await logged(database)]
    assert {"review_queue_closed", "review_queue_opened"} <= set(acts)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": " "}, "이름은 1자에서"),
        ({"q": "상태:없음"}, "상태:없음"),
        ({"which": "some"}, "고르는 방법"),
        ({"which": "random", "size": "0"}, "표본 크기"),
        ({"which": "random", "size": "5", "seed": "-1"}, "시드"),
        ({"which": "stratified", "strata": "x"}, "나누는 기준"),
        ({"reviewers": "10"}, "답변마다 검토자 수"),
        ({"minutes": "²"}, "예약 시간"),
    ],
)
async def test_a_form_that_cannot_be_read_says_why_and_is_kept(
    operator: Client, fields: dict[str, str], sentence: str
) -> None:
    response = await post(operator, "/admin/reviews", **QUEUE | {"name": "내 대기열"} | fields)
    assert response.status == 400
    page = await response.text()
    alert = page.split('role="alert"')[1].split("</div>")[0]
    assert sentence in alert
    if "name" not in fields:
        assert 'value="내 대기열"' in page


async def test_the_search_of_the_list_begins_a_queue(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database)
    listed = await (await operator.get("/admin/?q=배송&status=answered")).text()
    [address] = re.findall(r'href="/admin/reviews(/new\?q=[^"]+)"', listed)
    assert 'value="배송 status:answered"' in await shown(operator, address)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/queues/x", 404), ("/queues/99", 404), ("?before=x", 400)],
)
async def test_addresses_that_cannot_be_read_are_told(
    operator: Client, path: str, status: int
) -> None:
    await shown(operator, path, status)


async def test_a_viewer_reads_and_changes_nothing(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    queue = await new_queue(operator, database)
    await judge(operator, turn_id, queue, note="관리자의 의견")
    await add_user(database, "viewer")
    viewer = await start_admin(database)
    await log_in(viewer, user="viewer")
    page = await shown(viewer, f"/turns/{turn_id}?queue={queue}")
    assert "관리자의 의견" in page
    assert 'id="judge"' not in page
    assert "최종 판정 정하기" not in page
    queue_page = await shown(viewer, f"/queues/{queue}")
    assert "/next" not in queue_page
    assert "/state" not in queue_page
    for path in ("", f"/queues/{queue}/next", f"/queues/{queue}/state", f"/turns/{turn_id}"):
        assert (await post(viewer, f"/admin/reviews{path}", **QUEUE)).status == 403
