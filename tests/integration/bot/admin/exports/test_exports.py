"""Lists as files: masked, written down, carried out in steps, whatever restarts meanwhile."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientError
from openpyxl import load_workbook
from sqlalchemy import text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports import steps
from bot.admin.exports.limits import MEGABYTE
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.store.exports import orders, progress
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.exporting import (
    LIMITS,
    REASON,
    an_exporter,
    downloaded,
    order,
    page_of,
    transactions,
)
from tests.support.sample_turns import NOON, add_turn

__all__ = ["transactions"]


def rows_of(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


class Filling:
    """A disk that is full after some looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    def __call__(self, _folder: Path) -> int:
        self._looks -= 1
        return 1000 * MEGABYTE if self._looks >= 0 else 50


async def count(database: AsyncEngine, table: str) -> int:
    async with database.connect() as connection:
        return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")))


async def test_the_turns_of_a_search_come_as_csv_masked_and_whole(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    long = "환불 " * 300
    await add_turn(database, f"제 번호는 010-1234-5678이에요. {long}", "=1+1")
    await add_turn(database, "배송은요?", key="room-2")
    address = await order(operator, query="q=환불&after=x")
    await an_exporter(transactions, tmp_path).export()
    head, *rows = rows_of(await downloaded(operator, address))
    assert head[:3] == ["접수", "대화 번호", "순번"]
    [row] = rows
    found = dict(zip(head, row, strict=True))
    assert "010-1234-5678" not in found["질문"]
    assert found["질문"].count("환불") == 300
    assert found["답변"] == "'=1+1"
    assert (found["메신저"], found["상태"], found["접수"]) == (
        "카카오톡",
        "답변 완료",
        "2026-11-20 12:00:00",
    )


async def test_a_workbook_holds_texts_numbers_and_moments_and_no_formula(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database, '=HYPERLINK("http://evil.example")', "글\x01자")
    address = await order(operator, form="xlsx")
    await an_exporter(transactions, tmp_path).export()
    book = load_workbook(io.BytesIO(await downloaded(operator, address)))
    head, row = book.active.iter_rows()
    found = dict(zip([cell.value for cell in head], row, strict=True))
    assert found["질문"].data_type == "s"
    assert found["질문"].value.startswith("=HYPERLINK")
    assert found["접수"].value.isoformat() == "2026-11-20T12:00:00"
    assert found["순번"].value == 1
    assert list((tmp_path / "exports").iterdir()) == []


@pytest.mark.parametrize("name", ["audit", "users", "dead_letters"])
async def test_every_other_list_can_be_exported(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    name: str,
) -> None:
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    await add_turn(database, "010-1234-5678", delivery="failed", expires_at=in_an_hour)
    await add_user(database, "kim")
    page = await page_of(operator, f"/admin/{name.replace('_', '-')}")
    assert f'name="list" value="{name}"' in page
    address = await order(operator, name)
    await an_exporter(transactions, tmp_path).export()
    data = await downloaded(operator, address)
    assert len(rows_of(data)) >= 2
    assert b"010-1234-5678" not in data
    assert b"argon2" not in data


async def test_ordering_and_downloading_are_written_down_with_the_reason(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database, "비밀스러운 낱말")
    address = await order(operator, query="q=비밀스러운")
    await an_exporter(transactions, tmp_path).export()
    await downloaded(operator, address)
    acts = {row.action: row for row in await logged(database)}
    for action in ("export_ordered", "export_downloaded"):
        assert acts[action].reason == REASON
        assert acts[action].object == f"export:{address.rsplit('/', 1)[1]}"
        assert "비밀스러운" not in acts[action].details
    assert json.loads(acts["export_downloaded"].details)["rows"] == 1


@pytest.mark.parametrize("is_gone", [True, False])
async def test_a_file_that_ends_early_breaks_the_download_off(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_gone: bool,
) -> None:
    await add_turn(database)
    address = await order(operator)
    await an_exporter(transactions, tmp_path).export()

    async def erased(*_args: object, **_kwargs: object) -> bytes | None:
        if is_gone:
            return None
        raise InterfaceError("gone", None, Exception())

    monkeypatch.setattr(progress, "read_part", erased)

    async def fetch() -> bytes:
        return await (await send(operator, f"{address}/download")).read()

    with pytest.raises(ClientError):
        await asyncio.wait_for(fetch(), 20)


async def test_an_order_without_a_reason_or_with_an_unreadable_part_is_refused_in_words(
    operator: Client,
) -> None:
    fields = {"list": "turns", "format": "csv", "query": "", "reason": REASON}
    for change, status, sentence in (
        ({"reason": " ㅤ"}, 400, "사유를 적어"),
        ({"list": "secrets"}, 400, "내보낼 수 없는 목록"),
        ({"format": "zip"}, 400, "내보낼 수 없는 목록"),
        ({"query": "q=없는조건:1"}, 400, "없는조건"),
        ({"list": "audit", "query": "from=x"}, 400, "날짜를 읽을 수"),
        ({"list": "dead_letters", "query": "state=x"}, 400, "알 수 없는 조건"),
    ):
        response = await send(operator, "/admin/exports", **(fields | change))
        assert response.status == status
        assert sentence in await response.text()
    assert "아직 내보낸 파일이 없습니다" in await page_of(operator, "/admin/exports")


async def test_an_export_of_nothing_says_what_to_do(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    for form in ("csv", "xlsx"):
        address = await order(operator, form=form, query="q=아무도+말하지+않은")
        await an_exporter(transactions, tmp_path).export()
        page = await page_of(operator, address)
        assert "조건에 맞는 항목이 없어 파일을 만들지 않았습니다" in page
        assert 'href="/admin/?q=' in page
        assert (await send(operator, f"{address}/download")).status == 404
    assert await count(database, "export_parts") == 0


async def test_a_disk_that_is_full_before_or_while_writing_leaves_no_file(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "STEP_ROWS", 1)
    monkeypatch.setattr("bot.admin.turns.listing.IDS_PER_PAGE", 1)
    for number in range(3):
        await add_turn(database, received_at=NOON + timedelta(seconds=number))
    for looks in (0, 2):
        address = await order(operator)
        await an_exporter(transactions, tmp_path, free=Filling(looks)).export()
        page = await page_of(operator, address)
        assert "디스크에 남은 공간이 모자라" in page
        assert await count(database, "export_parts") == 0
        assert await count(database, "export_people") == 0


async def test_a_disk_that_fills_up_while_a_workbook_is_packed_is_told(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """/dev/full is a device that has no room: the real error of the real process."""
    full = tmp_path / "file"
    full.symlink_to("/dev/full")
    monkeypatch.setattr("bot.admin.exports.assembly.Assembly._new_folder", lambda *_: tmp_path)
    monkeypatch.setattr("bot.admin.exports.assembly.shutil.rmtree", lambda *_, **__: None)
    await add_turn(database)
    address = await order(operator, form="xlsx")
    await an_exporter(transactions, tmp_path).export()
    assert "디스크에 남은 공간이 모자라" in await page_of(operator, address)
    assert await count(database, "export_parts") == 0


async def test_a_file_ends_at_the_maximum_of_rows_and_says_so(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    for number in range(4):
        await add_turn(database, received_at=NOON + timedelta(seconds=number))
    address = await order(operator)
    limits = replace(LIMITS, max_rows=3)
    await an_exporter(transactions, tmp_path, limits=limits).export()
    assert len(rows_of(await downloaded(operator, address))) == 1 + 3
    assert "최대 건수에 이르러" in await page_of(operator, address)


async def test_a_file_that_is_too_large_is_refused_whole(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database)
    address = await order(operator)
    await an_exporter(transactions, tmp_path, limits=replace(LIMITS, max_bytes=50)).export()
    assert "설정한 크기보다 커서" in await page_of(operator, address)
    assert await count(database, "export_parts") == 0


async def test_after_a_restart_another_bot_goes_on_where_the_last_step_ended(
    operator: Client,
    database: AsyncEngine,
    transactions: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "STEP_ROWS", 1)
    monkeypatch.setattr("bot.admin.turns.listing.IDS_PER_PAGE", 1)
    for number in range(5):
        await add_turn(database, f"{number}번", received_at=NOON + timedelta(seconds=number))
    address = await order(operator, form="csv")
    stopped = asyncio.Event()
    first = an_exporter(transactions, tmp_path)
    original = first._steps.step

    async def killed_after_two(export: orders.Export) -> orders.Export | None:
        done = await original(export)
        if done and done.rows >= 2:
            stopped.set()
            await asyncio.Event().wait()
        return done

    monkeypatch.setattr(first._steps, "step", killed_after_two)
    task = asyncio.create_task(first.export())
    await asyncio.wait_for(stopped.wait(), 30)
    assert "2건" in await page_of(operator, address)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await an_exporter(transactions, tmp_path).export()
    head, *rows = rows_of(await downloaded(operator, address))
    assert [row[head.index("질문")] for row in rows] == [f"{n}번" for n in (4, 3, 2, 1, 0)]


async def test_a_killed_bots_export_is_free_after_its_claim(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database)
    address = await order(operator)
    async with transactions.begin() as connection:
        killed = await progress.claim(connection, ["turns"])
    assert killed
    await an_exporter(transactions, tmp_path).export()
    assert "만드는 중" in await page_of(operator, address)
    async with transactions.begin() as connection:
        await connection.execute(text("UPDATE exports SET claimed_until = now() - '1 s'::interval"))
    await an_exporter(transactions, tmp_path).export()
    assert "완료" in await page_of(operator, address)
    async with transactions.begin() as connection:
        assert await progress.renew(connection, killed) is None


async def test_an_export_that_always_stops_its_bot_is_given_up(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database)
    address = await order(operator)
    async with transactions.begin() as connection:
        await connection.execute(text("UPDATE exports SET claim = 30"))
    await an_exporter(transactions, tmp_path).export()
    assert "오류가 났습니다" in await page_of(operator, address)


async def test_old_files_are_deleted_and_the_order_stays(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database)
    address = await order(operator)
    await an_exporter(transactions, tmp_path).export()
    async with transactions.begin() as connection:
        await connection.execute(text("UPDATE exports SET expires_at = now() - '1 s'::interval"))
    await an_exporter(transactions, tmp_path).export()
    assert "보관 기간이 지나" in await page_of(operator, address)
    assert await count(database, "export_parts") == 0


async def test_a_file_with_an_erased_persons_words_is_withdrawn_and_others_stay(
    operator: Client, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_turn(database, "첫째", sender="person-1")
    await add_turn(database, "둘째", sender="person-2", key="room-2")
    held, other = [await order(operator, query=f"q={word}") for word in ("첫째", "둘째")]
    await an_exporter(transactions, tmp_path).export()
    person = Person(messenger="kakao", tenant="shop", sender="person-1")
    async with transactions.begin() as connection:
        assert await orders.withdraw(connection, person.key) == 1
    assert "파일을 지웠습니다" in await page_of(operator, held)
    assert (await send(operator, f"{held}/download")).status == 404
    await downloaded(operator, other)


async def test_a_file_is_for_its_author_alone_and_search_words_too(
    start_admin: StartAdmin, database: AsyncEngine, transactions: AsyncEngine, tmp_path: Path
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    await add_user(database, "lee", Role.REVIEWER)
    await add_turn(database, "환불해 주세요")
    kim, lee, admin = [await start_admin(database) for _ in range(3)]
    await log_in(kim, user="kim")
    await log_in(lee, user="lee")
    await log_in(admin)
    address = await order(kim, query="q=환불해")
    await an_exporter(transactions, tmp_path).export()
    assert (await lee.get(address)).status == 404
    assert (await send(lee, f"{address}/download")).status == 404
    assert (await send(lee, f"{address}/cancel")).status == 404
    assert (await send(admin, f"{address}/download")).status == 404
    seen = await page_of(admin, address)
    assert "환불해" not in seen
    assert "환불해" in await page_of(kim, address)
    assert (await send(admin, f"{address}/cancel")).status == 303
    assert "취소됨" in await page_of(kim, address)


async def test_a_reviewer_exports_turns_but_not_users_or_the_audit_log(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "kim", Role.REVIEWER)
    await add_user(database, "park", Role.VIEWER)
    kim, park = await start_admin(database), await start_admin(database)
    await log_in(kim, user="kim")
    await log_in(park, user="park")
    for name in ("audit", "users"):
        given = {"list": name, "format": "csv", "reason": REASON}
        assert (await send(kim, "/admin/exports", **given)).status == 403
        refused = (await logged(database))[-1]
        assert (refused.action, refused.object) == ("role_refused", f"export:{name}")
    assert 'name="list"' in await page_of(kim, "/admin/")
    assert 'name="list"' not in await page_of(park, "/admin/")


async def test_one_author_cannot_fill_the_queue(operator: Client) -> None:
    for _ in range(orders.MAX_OPEN):
        await order(operator)
    fields = {"list": "turns", "format": "csv", "reason": REASON}
    response = await send(operator, "/admin/exports", **fields)
    assert response.status == 409
    assert "5개까지" in await response.text()


async def test_hostile_reasons_and_conditions_stay_text(operator: Client) -> None:
    attack = "<script>alert(1)</script>"
    address = await order(operator, query=f"q={attack}", reason=attack)
    for path in (address, "/admin/exports"):
        assert "<script>alert" not in await page_of(operator, path)
    assert "&lt;script&gt;" in await page_of(operator, address)


@pytest.mark.parametrize("path", ["/exports/x", "/exports/99999999999999999999", "/exports/7"])
async def test_an_export_that_is_not_there_is_404(operator: Client, path: str) -> None:
    assert (await operator.get(f"/admin{path}")).status == 404
    for act in ("download", "cancel"):
        assert (await send(operator, f"/admin{path}/{act}")).status == 404
