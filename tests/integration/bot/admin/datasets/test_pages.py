"""The pages of data sets: ordered, read, frozen, exported, versioned, deleted."""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.datasets.view_models import waits_for_worker
from bot.domain.dashboard_users import Role
from bot.store.datasets import sets
from inference_queue.worker_registry import WorkerState, WorkerStatus
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.datasets import build, contents, order_dataset, stored
from tests.support.exporting import REASON, an_exporter, downloaded, page_of, transactions
from tests.support.judging import judge
from tests.support.sample_turns import add_turn

__all__ = ["transactions"]

PAGE = "/admin/datasets"


async def some_items(database: AsyncEngine, count: int = 1) -> None:
    for number in range(count):
        turn = await add_turn(database, f"질문 {number}", f"답 {number}", key=f"room-{number}")
        await judge(database, turn)


async def exported(client: Client, database: AsyncEngine, folder: Path, address: str) -> bytes:
    """The ZIP of a data set that is ready."""
    ordered = await send(client, f"{address}/export", reason=REASON)
    assert ordered.status == 303, await ordered.text()
    await an_exporter(database, folder).export()
    return await downloaded(client, ordered.headers["Location"])


async def test_without_any_the_page_says_what_to_do(operator: Client) -> None:
    page = await page_of(operator, PAGE)
    assert "첫 데이터 세트를 만들어 보세요" in page


async def test_a_saved_search_is_offered_and_fills_the_form(operator: Client) -> None:
    await send(operator, "/admin/searches", name="환불 모음", q="환불 상태:실패")
    page = await page_of(operator, PAGE)
    assert "환불 모음" in page
    filled = await page_of(operator, f"{PAGE}?q=환불 상태:실패&name=환불 모음")
    assert 'value="환불 상태:실패"' in filled
    assert "datasets?q=" in await page_of(operator, "/admin/?q=환불")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "  "}, "이름은 1자에서"),
        ({"name": "가" * 61}, "이름은 1자에서"),
        ({"kind": "rlhf"}, "종류를 목록에서"),
        ({"preset": "gpt"}, "프리셋을 목록에서"),
        ({"q": "없는조건:1"}, "없는조건"),
        ({"q": "가" * 801}, "800자가 넘는"),
        ({"max_tokens": "-1"}, "최대 토큰은"),
        ({"max_tokens": "9999999"}, "최대 토큰은"),
    ],
)
async def test_a_form_that_cannot_be_read_says_why_and_keeps_the_rest(
    operator: Client, fields: dict[str, str], sentence: str
) -> None:
    given = {"name": "이름 하나", "kind": "sft", "q": "환불"} | fields
    response = await send(operator, PAGE, **given)
    page = await response.text()
    assert response.status == 400
    assert sentence in page
    assert 'value="환불"' in page or "q" in fields


async def test_the_items_are_shown_as_they_are_exported_and_the_reading_is_written_down(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await some_items(database, 11)
    address = await order_dataset(operator)
    await build(transactions)
    first = await page_of(operator, f"{address}/items?split=train")
    assert first.count('class="said user"') <= 10
    assert (await logged(database))[-1].action == "dataset_read"
    everything = await page_of(operator, f"{address}/items")
    assert "다음 항목" in everything
    rest = await page_of(operator, f"{address}/items?after={(await contents(database))[9]['id']}")
    assert rest.count('class="said user"') == 1
    for query in ("split=x", f"after={'x' * 61}"):
        assert (await operator.get(f"{address}/items?{query}")).status == 400


async def test_the_file_has_a_card_and_a_file_of_real_utf_8_for_each_split_that_has_items(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await some_items(database, 40)
    address = await order_dataset(operator, name="환불: | 모음")
    await build(transactions)
    data = await exported(operator, transactions, tmp_path, address)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        files = {name: packed.read(name).decode() for name in packed.namelist()}
    card = files.pop("README.md")
    lines = [json.loads(line) for name in files for line in files[name].splitlines()]
    assert sorted(lines, key=lambda one: str(one["id"])) == await contents(database)
    assert "질문" in files["train.jsonl"]
    assert "\\u" not in files["train.jsonl"]
    front = yaml.safe_load(card.split("---")[1])
    assert front["pretty_name"] == "환불: | 모음"
    assert set(files) <= {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert "Built with Meta Llama 3" in card
    assert "학습 제외를 요청한 사람" in card
    assert "MLP-KTLim/llama-3-Korean-Bllossom-8B | 40" in card


async def test_an_exported_version_is_frozen_and_another_build_is_the_next_version(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await some_items(database)
    address = await order_dataset(operator)
    await build(transactions)
    first = await exported(operator, transactions, tmp_path, address)
    assert "내보낸 버전이라 더 바뀌지 않습니다" in await page_of(operator, address)
    await judge(database, await add_turn(database, "새 질문", "새 답", key="new"))
    again = await send(operator, f"{address}/again")
    await build(transactions)
    assert (await stored(database, 2)).version == 2
    assert len(await contents(database, 2)) == 2
    assert len(await contents(database, 1)) == 1
    assert {one["id"] for one in await contents(database, 1)} < {
        one["id"] for one in await contents(database, 2)
    }
    assert "v2" in await page_of(operator, again.headers["Location"])
    second = await exported(operator, transactions, tmp_path, address)
    names = [zipfile.ZipFile(io.BytesIO(data)).namelist() for data in (first, second)]
    assert names[0] == names[1]


async def test_nothing_is_exported_that_is_empty_or_being_built_and_the_page_says_why(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    address = await order_dataset(operator)
    early = await send(operator, f"{address}/export", reason=REASON)
    assert early.status == 409
    assert "완료된 뒤에" in await early.text()
    await build(transactions)
    assert "넣을 수 있는 대화가 없었습니다" in await page_of(operator, address)
    empty = await send(operator, f"{address}/export", reason=REASON)
    assert empty.status == 409
    assert "내보낼 것이 없습니다" in await empty.text()
    assert (await stored(database)).frozen_at is None
    assert (await send(operator, f"{address}/export", reason=" ")).status == 400


async def test_only_an_admin_deletes_a_data_set(
    start_admin: StartAdmin, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    await some_items(database)
    kim, admin = await start_admin(database), await start_admin(database)
    await log_in(kim, user="kim")
    await log_in(admin)
    address = await order_dataset(kim)
    await build(transactions)
    assert "/delete" not in await page_of(kim, address)
    assert (await send(kim, f"{address}/delete")).status == 403
    assert (await send(admin, f"{address}/delete")).status == 303
    assert (await admin.get(address)).status == 404
    assert await contents(database) == []
    assert (await logged(database))[-1].action == "dataset_deleted"


async def test_too_many_at_once_are_refused(operator: Client) -> None:
    for number in range(sets.MAX_OPEN):
        await order_dataset(operator, name=f"이름 {number}")
    response = await send(operator, PAGE, name="하나 더", kind="sft")
    assert response.status == 409


@pytest.mark.parametrize("raw", ["x", "7", "99999999999999999999"])
async def test_a_data_set_that_is_not_there_is_404(operator: Client, raw: str) -> None:
    for path in (raw, f"{raw}/items"):
        assert (await operator.get(f"{PAGE}/{path}")).status == 404
    for act in ("again", "export", "end-check", "delete"):
        assert (await send(operator, f"{PAGE}/{raw}/{act}", reason=REASON)).status == 404


async def test_hostile_words_stay_text_on_every_page_and_in_the_card(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    attack = "<script>alert(1)</script>"
    turn = await add_turn(database, attack, attack, model=attack, preset=attack)
    await judge(database, turn)
    address = await order_dataset(operator, name=f"{attack}\n---")
    await build(transactions)
    await send(operator, "/admin/opt-outs", turn=str(turn), reason=attack)
    for path in (PAGE, address, f"{address}/items", "/admin/opt-outs"):
        assert "<script>alert" not in await page_of(operator, path)
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM training_opt_outs"))


async def test_its_questions_are_asked_again_by_a_button_and_its_replays_are_listed(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine
) -> None:
    await some_items(database, 3)
    address = await order_dataset(operator)
    await build(transactions)
    page = await page_of(operator, address)
    assert "이 데이터 세트로 한 비교가 아직 없습니다" in page
    [link] = re.findall(r'href="(/admin/replays/new\?dataset=[^"]+)"', page)
    form = await page_of(operator, html.unescape(link))
    assert "데이터 세트 환불 v1의 질문을 다시 물어봅니다" in form
    ordered = await send(operator, "/admin/replays", name="다시", dataset="1", max_turns="50")
    assert ordered.status == 303, await ordered.text()
    assert ">다시</a>" in await page_of(operator, address)
    replay = await page_of(operator, ordered.headers["Location"])
    assert "3건 가운데 0건 끝남" in replay
    assert f'<a href="{address}">환불 v1</a>' in replay
    assert (await send(operator, f"{address}/delete")).status == 303
    assert "환불 v1" in await page_of(operator, ordered.headers["Location"])


async def test_a_data_set_that_is_not_built_is_not_asked_again(
    operator: Client, database: AsyncEngine
) -> None:
    await order_dataset(operator)
    for number in ("1", "2"):
        refused = await send(operator, "/admin/replays", name="다시", dataset=number)
        assert refused.status == 409
        assert "아직 다 만들어지지 않았습니다" in await refused.text()


async def test_a_check_without_a_worker_says_so_and_can_be_ended(
    start_admin: StartAdmin, database: AsyncEngine, transactions: AsyncEngine, redis_url: str
) -> None:
    client = await start_admin(database, redis_url=redis_url)
    await log_in(client)
    await some_items(database)
    address = await order_dataset(client, preset="bllossom-8b")
    await build(transactions)
    page = await page_of(client, address)
    assert "워커가 지금 없어 검사가 멈춰 있습니다" in page
    assert "남은 항목은 검사 없이 끝내기" in page
    assert (await send(client, f"{address}/end-check")).status == 303
    assert "멈춰 있습니다" not in await page_of(client, address)
    async with database.connect() as connection:
        for table in ("background_jobs", "dataset_checks"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


@pytest.mark.parametrize(
    ("worker", "waits"),
    [
        ({}, False),
        ({"renders": False}, True),
        ({"preset": "demo"}, True),
        ({"state": WorkerState.DRAINING}, True),
    ],
)
async def test_only_a_ready_worker_with_the_preset_s_tokenizer_checks(
    database: AsyncEngine, operator: Client, worker: dict[str, object], waits: bool
) -> None:
    given = {"id": "w", "state": WorkerState.READY, "preset": "bllossom-8b", "renders": True}
    status = WorkerStatus(**given | worker)  # type: ignore[arg-type]
    await order_dataset(operator, preset="bllossom-8b")
    async with database.begin() as connection:
        await connection.execute(text("UPDATE datasets SET state = 'checking'"))
        dataset = await sets.find(connection, 1)
    assert dataset is not None
    assert waits_for_worker(dataset, [status]) is waits
    assert not waits_for_worker(dataset, None)
