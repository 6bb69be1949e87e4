"""The pages of replays: ordered, watched, compared blindly, revealed and downloaded."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiohttp import ClientError, ClientResponse
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.configs.keys import MAX_TYPED_PROMPT_CHARS
from bot.domain.dashboard_users import Role
from bot.domain.replays import ReplayOptions, new_stands_left
from bot.privacy.masking import pseudonym
from bot.store.replays import orders, votes
from bot.store.replays.orders import MAX_OPEN
from bot.store.search import saved
from inference_queue.background.protocol import BackgroundResult, Target
from inference_queue.protocol import Job
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis
from tests.support.admin import Client, StartAdmin, add_user, csrf_of, log_in
from tests.support.audit import logged
from tests.support.replays import (
    a_feeder,
    answer_all,
    completed,
    feed,
    order_replay,
)
from tests.support.sample_turns import NOON, add_turn

PAGE = "/admin/replays"


async def shown(client: Client, path: str = "", status: int = 200) -> str:
    response = await client.get(f"{PAGE}{path}")
    assert response.status == status, await response.text()
    return await response.text()


async def send(client: Client, path: str = "", **fields: str) -> ClientResponse:
    account = await client.get("/admin/account")
    data = {"csrf": csrf_of(await account.text()), **fields}
    return await client.post(f"{PAGE}{path}", data=data, allow_redirects=False)


def new_answer(job: Job) -> BackgroundResult:
    return completed(f"새 답: {job.messages[-1].content}")


async def answered_replay(
    database: AsyncEngine,
    count: int = 3,
    reply: Callable[[Job], BackgroundResult] = new_answer,
    seed: int = 1,
) -> int:
    for number in range(count):
        await add_turn(
            database,
            f"질문 {number}",
            f"옛 답: 질문 {number}",
            key=f"room-{number}",
            received_at=NOON - timedelta(minutes=number),
        )
    replay_id, feeder = await order_replay(database, seed=seed), a_feeder(database)
    await feed(feeder)
    await answer_all(database, reply)
    await feed(feeder)
    return replay_id


async def vote_all(client: Client, replay_id: int, seed: int, prefer: str, count: int) -> None:
    """Vote ``prefer`` ("new" or "old") on every pair, as somebody who knew the coin."""
    for position in range(1, count + 1):
        is_left = new_stands_left(seed, position) is (prefer == "new")
        choice = "left" if is_left else "right"
        fields = {"position": str(position), "choice": choice}
        assert (await send(client, f"/{replay_id}/compare", **fields)).status == 303


async def test_without_any_the_page_says_what_to_do(operator: Client) -> None:
    page = await shown(operator)
    assert "아직 비교가 없습니다" in page
    assert f'href="{PAGE}/new"' in page


async def test_a_replay_is_ordered_from_the_list_of_turns(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "환불 되나요?", "네.")
    turns = await (await operator.get("/admin/?q=환불")).text()
    [link] = re.findall(r'href="/admin/replays/new(\?q=[^"]+)"', turns)
    form = await shown(operator, f"/new{link}")
    assert 'value="환불"' in form
    response = await send(operator, name="환불 비교", q="환불", temperature="0.1", max_turns="50")
    assert response.status == 303
    page = await shown(operator, response.headers["Location"].removeprefix(PAGE))
    assert "환불 비교" in page
    assert "질문 모으는 중" in page
    assert "0.1" in page
    [act] = [one for one in await logged(database) if one.action == "replay_ordered"]
    assert json.loads(act.details) == {"turns": 50, "options": ["temperature"], "searched": True}
    assert "환불 비교" in await shown(operator)


async def test_a_prompt_may_be_as_long_as_those_of_the_settings(operator: Client) -> None:
    response = await send(
        operator, name="비교", q="환불", system_prompt="가" * MAX_TYPED_PROMPT_CHARS
    )
    assert response.status == 303


async def test_one_replay_too_many_is_refused_and_nothing_typed_is_lost(
    operator: Client, database: AsyncEngine
) -> None:
    for _ in range(MAX_OPEN):
        await order_replay(database)
    refused = await send(operator, name="환불 비교", q="환불")
    assert refused.status == 409
    page = await refused.text()
    assert f"비교는 {MAX_OPEN}개까지" in page
    assert 'value="환불 비교"' in page


async def test_a_saved_search_is_offered_in_the_form(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.begin() as connection:
        await saved.save(connection, "admin", "<b>환불</b>", "환불 메신저:kakao")
        await saved.save(connection, "kim", "남의 검색", "배송")
    form = await shown(operator, "/new")
    [query] = re.findall(r'href="/admin/replays/new(\?q=[^"]+)">&lt;b&gt;환불', form)
    assert "남의 검색" not in form
    assert 'value="환불 메신저:kakao"' in await shown(operator, f"/new{query}")


async def test_a_form_that_cannot_be_read_keeps_what_was_written(operator: Client) -> None:
    response = await send(operator, name="비교", q="환불", temperature="아주", system_prompt="짧게")
    assert response.status == 400
    page = await response.text()
    assert "temperature에는 0부터 10까지의 수를 써 주세요." in page
    for kept in ('value="비교"', 'value="환불"', 'value="아주"', ">짧게</textarea>"):
        assert kept in page


async def test_it_is_stopped_and_resumed(operator: Client, database: AsyncEngine) -> None:
    await add_turn(database)
    replay_id = await order_replay(database)
    assert (await send(operator, f"/{replay_id}/stop")).status == 303
    assert (await send(operator, f"/{replay_id}/stop")).status == 409
    assert "이어서 하기" in await shown(operator, f"/{replay_id}")
    assert (await send(operator, f"/{replay_id}/resume")).status == 303
    assert (await send(operator, f"/{replay_id}/resume")).status == 409
    actions = [one.action for one in await logged(database)]
    assert actions.count("replay_stopped") == actions.count("replay_resumed") == 1


async def test_an_engine_that_is_gone_is_told(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    await add_turn(database)
    wanted = ReplayOptions(target=Target(model="of-tomorrow", engine="served", adapter=""))
    replay_id = await order_replay(database, options=wanted)
    await feed(a_feeder(database))
    redis = connect_redis(redis_url)
    present = WorkerStatus(id="w", state=WorkerState.READY, model="of-today", engine="served")
    await Heartbeat(redis, worker="w").publish(present)
    client = await start_admin(database, redis_url=redis_url)
    await log_in(client)
    page = await shown(client, f"/{replay_id}")
    assert "엔진을 기다리는 중" in page
    assert "of-tomorrow (served)" in page
    assert "of-today (served)" in await shown(client, "/new")
    await redis.aclose()


async def test_questions_that_wait_for_an_adapter_are_told(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    await add_turn(database)
    replay_id = await order_replay(database)
    await feed(a_feeder(database))
    async with database.begin() as connection:
        await connection.execute(text("UPDATE background_jobs SET adapter = 'polite'"))
    told = "polite 어댑터를 가진 워커가 지금 없어"
    async with connect_redis(redis_url) as redis:
        for adapters, is_told in (((), True), (("polite",), False)):
            status = WorkerStatus(
                id="w", state=WorkerState.READY, model="m", adapters=adapters, by_adapters=True
            )
            await Heartbeat(redis, worker="w").publish(status)
            client = await start_admin(database, redis_url=redis_url)
            await log_in(client)
            assert (told in await shown(client, f"/{replay_id}")) is is_told


async def test_nothing_tells_a_reviewer_which_answer_is_new(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 1)
    page = await shown(operator, f"/{replay_id}/compare")
    left, right = re.findall(r'class="card side".*?class="said">(.*?)</p>', page, re.DOTALL)
    assert {left, right} == {"옛 답: 질문 0", "새 답: 질문 0"}
    without = page.replace(left, "").replace(right, "")
    assert not re.search("new-model|Bllossom-8B|seed|시드|이전 답변|새 답변", without)
    [read] = [one for one in await logged(database) if one.action == "replay_read"]
    sender = pseudonym("kakao", "shop", "person-1")
    assert json.loads(read.details) == {"replay": replay_id, "position": 1, "people": [sender]}


async def test_the_sides_stay_where_they_are_and_differ_by_seed(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 8)
    lefts = []
    for position in range(1, 9):
        pages = [await shown(operator, f"/{replay_id}/compare?at={position}") for _ in range(2)]
        sides = [re.findall(r'class="said">(. 답: )', page)[:2] for page in pages]
        assert sides[0] == sides[1]
        lefts.append(sides[0][0] == "새 답: ")
        assert lefts[-1] is new_stands_left(1, position)
    assert 0 < sum(lefts) < 8


async def test_votes_lead_to_the_next_pair_and_to_the_outcome(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 12)
    assert "신뢰구간" not in await shown(operator, f"/{replay_id}")
    first = await send(operator, f"/{replay_id}/compare", position="1", choice="tie")
    assert first.headers["Location"] == f"{PAGE}/{replay_id}/compare?after=1"
    await vote_all(operator, replay_id, 1, "new", 12)
    assert "모두 투표했습니다" in await shown(operator, f"/{replay_id}/compare")
    page = await shown(operator, f"/{replay_id}")
    assert "비교할 답변 12쌍 가운데 12쌍에 투표했습니다." in page
    assert "신뢰구간" not in page
    assert (await send(operator, f"/{replay_id}/reveal")).status == 303
    page = await shown(operator, f"/{replay_id}")
    assert "새 답변의 승률 100.0% (95% 신뢰구간 75.8%~100.0%)" in page
    assert "새 답변이 더 낫습니다" in page
    assert "가장 작은 차이는 50%에서 40.4%p" in page


async def test_a_vote_can_be_changed_until_the_outcome_was_seen(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 2)
    await vote_all(operator, replay_id, 1, "new", 2)
    await vote_all(operator, replay_id, 1, "old", 2)
    await send(operator, f"/{replay_id}/reveal")
    assert "승률 0.0%" in await shown(operator, f"/{replay_id}")
    assert (
        await send(operator, f"/{replay_id}/compare", position="1", choice="left")
    ).status == 409
    await shown(operator, f"/{replay_id}/compare", 409)
    revealed = [one for one in await logged(database) if one.action == "replay_revealed"]
    assert len(revealed) == 1


async def test_equal_answers_are_ties_that_nobody_votes_on(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(
        database,
        3,
        lambda job: completed(job.messages[-1].content.replace("질문 0", "옛 답: 질문 0")),
    )
    page = await shown(operator, f"/{replay_id}")
    assert "비교할 답변 2쌍" in page
    await shown(operator, f"/{replay_id}/compare?at=1", 404)
    await send(operator, f"/{replay_id}/compare", position="2", choice="tie")
    await send(operator, f"/{replay_id}/reveal")
    page = await shown(operator, f"/{replay_id}")
    assert "두 답변이 같은 1건은 비슷함으로 셌습니다." in page
    assert "차이를 알 수 없습니다" in page


async def test_two_reviewers_vote_apart_and_do_not_see_each_other(
    start_admin: StartAdmin, operator: Client, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    replay_id = await answered_replay(database, 2)
    kim = await start_admin(database)
    await log_in(kim, user="kim")
    await vote_all(operator, replay_id, 1, "new", 2)
    await send(operator, f"/{replay_id}/reveal")
    page = await shown(kim, f"/{replay_id}")
    assert "신뢰구간" not in page
    assert "admin 2" in page
    await vote_all(kim, replay_id, 1, "old", 2)
    await send(kim, f"/{replay_id}/reveal")
    assert "승률 50.0%" in await shown(kim, f"/{replay_id}")
    voted = [one for one in await logged(database) if one.action == "replay_voted"]
    assert {json.dumps(json.loads(one.details)) for one in voted} == {
        '{"position": 1}',
        '{"position": 2}',
    }


async def test_a_reviewer_learns_what_was_changed_with_the_outcome(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    await add_turn(database)
    options = ReplayOptions(system_prompt="짧게 답해요.")
    replay_id, feeder = await order_replay(database, options=options), a_feeder(database)
    await feed(feeder)
    await answer_all(database)
    await feed(feeder)
    kim = await start_admin(database)
    await log_in(kim, user="kim")
    assert "짧게 답해요." not in await shown(kim, f"/{replay_id}")
    await send(kim, f"/{replay_id}/reveal")
    assert "짧게 답해요." in await shown(kim, f"/{replay_id}")


async def test_a_viewer_sees_the_outcome_and_no_pair(
    start_admin: StartAdmin, operator: Client, database: AsyncEngine
) -> None:
    await add_user(database, "viewer")
    replay_id = await answered_replay(database, 2)
    await vote_all(operator, replay_id, 1, "new", 2)
    viewer = await start_admin(database)
    await log_in(viewer, user="viewer")
    page = await shown(viewer, f"/{replay_id}")
    assert "승률 100.0%" in page
    for button in ("/compare", "/export", "/stop", "/reveal"):
        assert button not in page
    await shown(viewer, f"/{replay_id}/compare", 403)


@pytest.mark.parametrize(
    ("position", "choice", "status"),
    [("1", "new", 400), ("1", "", 400), ("x", "left", 400), ("99", "left", 404),
     ("9" * 17, "left", 400)],
)  # fmt: skip
async def test_a_vote_that_cannot_be_read_changes_nothing(
    operator: Client, database: AsyncEngine, position: str, choice: str, status: int
) -> None:
    replay_id = await answered_replay(database, 1)
    response = await send(operator, f"/{replay_id}/compare", position=position, choice=choice)
    assert response.status == status
    assert not [one for one in await logged(database) if one.action == "replay_voted"]


async def test_a_skipped_pair_is_offered_at_the_end(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 2)
    await send(operator, f"/{replay_id}/compare", position="2", choice="tie")
    page = await shown(operator, f"/{replay_id}/compare?after=1")
    assert "건너뛴 답변이 1쌍 남았습니다." in page
    assert "어느 답변이 더 낫나요?" in page


async def test_the_answers_are_shown_masked_and_escaped(
    operator: Client, database: AsyncEngine
) -> None:
    hostile = '<script>alert("x")</script> 010-1234-5678'
    await add_turn(database, hostile, f"옛 {hostile}", key="먼저")
    await add_turn(
        database, hostile, f"옛 {hostile}", key="먼저", received_at=NOON + timedelta(minutes=1)
    )
    replay_id, feeder = await order_replay(database, name=hostile[:40]), a_feeder(database)
    await feed(feeder)
    await answer_all(database, lambda job: completed(f"새 {hostile}"))
    await feed(feeder)
    for path in ("", f"/{replay_id}", f"/{replay_id}/compare?at=1"):
        page = await shown(operator, path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    assert "010-1234-5678" not in page
    assert "앞선 대화 1건" in page


async def test_a_replay_is_downloaded_after_the_outcome(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "제 번호는 010-1234-5678", '=HYPERLINK("http://evil")')
    replay_id, feeder = await order_replay(database), a_feeder(database)
    await feed(feeder)
    await answer_all(database, lambda job: completed("새 답"))
    await feed(feeder)
    await shown(operator, f"/{replay_id}/export", 409)
    await vote_all(operator, replay_id, 1, "new", 1)
    await send(operator, f"/{replay_id}/reveal")
    response = await operator.get(f"{PAGE}/{replay_id}/export?format=csv")
    assert response.content_type == "text/csv"
    body = await response.read()
    [row] = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    assert row["old_answer"].startswith("'=HYPERLINK")
    assert (row["new_answer"], row["votes_new"], row["votes_old"]) == ("새 답", "1", "0")
    assert "1234" not in row["question"]
    lines = await (await operator.get(f"{PAGE}/{replay_id}/export?format=jsonl")).text()
    assert json.loads(lines)["new_model"] == "new-model"
    await shown(operator, f"/{replay_id}/export?format=exe", 400)
    exported = [one for one in await logged(database) if one.action == "replay_exported"]
    assert [json.loads(one.details)["format"] for one in exported] == ["csv", "jsonl"]
    assert json.loads(exported[0].details)["people"] == [pseudonym("kakao", "shop", "person-1")]


async def test_a_failure_in_the_middle_breaks_the_download_off(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id = await answered_replay(database, 1)
    await send(operator, f"/{replay_id}/reveal")

    async def failing(*_args: object, **_kwargs: object) -> list[votes.Pair]:
        raise InterfaceError("gone", None, Exception())

    monkeypatch.setattr(votes, "pairs_after", failing)

    async def fetch() -> bytes:
        return await (await operator.get(f"{PAGE}/{replay_id}/export")).read()

    with pytest.raises(ClientError):
        await fetch()


async def test_unknown_replays_and_odd_addresses_are_refused(operator: Client) -> None:
    for path in ("/1", "/x", "/" + "9" * 30, "/1/compare", "/1/export"):
        await shown(operator, path, 404)
    for path in ("/1/stop", "/1/resume"):
        assert (await send(operator, path)).status == 409
    await shown(operator, "?before=x", 400)


async def test_positions_that_no_pair_can_have_are_refused(
    operator: Client, database: AsyncEngine
) -> None:
    replay_id = await answered_replay(database, 1)
    for at in ("x", "0", "99", str(2**31), "9" * 30):
        await shown(operator, f"/{replay_id}/compare?at={at}", 404)
    for after in ("x", str(2**31)):
        assert "왼쪽 답변" in await shown(operator, f"/{replay_id}/compare?after={after}")


async def test_older_replays_are_on_the_next_page(operator: Client, database: AsyncEngine) -> None:
    for number in range(31):
        replay_id = await order_replay(database, name=f"비교 {number:02}")
        async with database.begin() as connection:
            await orders.stop(connection, replay_id)
    page = await shown(operator)
    assert "비교 30" in page
    assert "비교 00" not in page
    [link] = re.findall(r'rel="next" href="/admin/replays(\?before=\d+)"', page)
    assert "비교 00" in await shown(operator, link)


async def test_resuming_counts_as_beginning_one(operator: Client, database: AsyncEngine) -> None:
    stopped = await order_replay(database)
    assert (await send(operator, f"/{stopped}/stop")).status == 303
    for _ in range(MAX_OPEN):
        last = await order_replay(database)
    response = await send(operator, f"/{stopped}/resume")
    assert response.status == 409
    assert f"{MAX_OPEN}개까지" in await response.text()
    assert (await send(operator, f"/{last}/stop")).status == 303
    assert (await send(operator, f"/{stopped}/resume")).status == 303


async def test_ways_into_open_at_once_never_pass_the_bound(database: AsyncEngine) -> None:
    transactions = database.execution_options(isolation_level="READ COMMITTED")
    stopped = [await order_replay(transactions) for _ in range(4)]
    for replay_id in stopped:
        async with transactions.begin() as connection:
            assert await orders.stop(connection, replay_id)
    for _ in range(MAX_OPEN - 2):
        await order_replay(transactions)

    async def resume(replay_id: int) -> bool:
        async with transactions.begin() as connection:
            return await orders.resume(connection, replay_id)

    ways = [resume(replay_id) for replay_id in stopped]
    found = await asyncio.gather(
        *ways, *(order_replay(transactions) for _ in range(4)), return_exceptions=True
    )
    refused = [one for one in found if isinstance(one, orders.TooManyOpenError)]
    assert len(refused) == len(found) - 2
    async with database.connect() as connection:
        assert len(await orders.open_ids(connection)) == MAX_OPEN


async def test_the_page_says_how_many_turns_are_left_out_and_why(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "이게 뭐예요?", "고양이예요.", key="a", media=[{"kind": "image"}])
    await add_turn(database, "이건요?", "개예요.", key="b", media=[{"kind": "image"}])
    await add_turn(database, "답이 없는 질문", None, key="c", status="failed")
    await add_turn(database, "환불돼요?", "네.", key="d")
    replay_id = await order_replay(database)
    await feed(a_feeder(database))
    page = await shown(operator, f"/{replay_id}")
    assert "사진이 있는 질문 2건은 뺐습니다" in page
    assert "답변이 없는 질문 1건은 뺐습니다" in page
    assert "1건 가운데 0건 끝남" in page


@pytest.mark.parametrize("dataset", ["99999", "0", "x", "9" * 30])
async def test_a_data_set_that_is_gone_never_means_all_questions(
    operator: Client, database: AsyncEngine, dataset: str
) -> None:
    await add_turn(database)
    page = await shown(operator, f"/new?dataset={dataset}")
    assert "데이터 세트를 찾을 수 없거나" in page
    for _ in range(2):
        assert f'name="dataset" value="{dataset}"' in page
        assert 'name="q"' not in page
        response = await send(operator, name="다시", dataset=dataset, system_prompt="긴 글")
        assert response.status in (400, 409)
        page = await response.text()
        assert "긴 글" in page
    async with database.connect() as connection:
        assert await orders.open_ids(connection) == []
