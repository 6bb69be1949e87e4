"""What is written down of the pages' use, and how admins read it."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime
from itertools import cycle, islice

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.web.labels import KST
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.dashboard_users import Role
from bot.store import audit_log, dashboard_users
from bot.store.audit_chain import StoredEntry, check_chain
from tests.support.admin import PASSWORD, Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.sample_turns import add_samples, add_turn, conversation_of


async def acts(database: AsyncEngine, action: AuditAction) -> list[StoredEntry]:
    return [row for row in await logged(database) if row.action == action]


async def test_logins_and_failed_logins_are_written_down_with_their_address(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    client = await start_admin(database, admin_behind_proxy=True)
    sent = {"X-Forwarded-For": "203.0.113.9"}
    await log_in(client, "틀린", **sent)
    await log_in(client, "틀린", user="내 비밀번호 1234", **sent)
    await log_in(client, **sent)
    rows = await logged(database)
    assert [(row.actor, row.action) for row in rows] == [
        ("admin", "login_refused"),
        ("", "login_refused"),
        ("admin", "login"),
    ]
    assert {row.address for row in rows} == {"203.0.113.9"}
    assert "1234" not in repr(rows)


async def test_a_search_is_written_down_without_its_words(
    operator: Client, database: AsyncEngine
) -> None:
    await add_samples(database)
    await operator.get("/admin/", params={"q": "환불 규정", "messenger": "kakao"})
    [row] = await acts(database, AuditAction.TURNS_READ)
    details = json.loads(row.details)
    assert details["searched"] is True
    assert details["terms"] == ["messenger:kakao"]
    assert details["turns"] == len(details["people"]) == 1
    assert "환불" not in repr(await logged(database))


async def test_of_a_condition_on_people_only_its_name_is_written_down(
    operator: Client, database: AsyncEngine
) -> None:
    await operator.get("/admin/", params={"q": '사람:"홍길동 010" 방:일반 방:비밀 상태:실패'})
    [row] = await acts(database, AuditAction.TURNS_READ)
    details = json.loads(row.details)
    assert details["searched"] is False
    assert details["terms"] == ["person", "room", "status:failed"]
    assert not any(word in row.details for word in ("홍길동", "010", "일반", "비밀"))


async def test_a_read_conversation_names_whose_it_is_as_the_pages_do(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, sender="person-1")
    await add_turn(database, sender="person-2")
    room = await conversation_of(database)
    html = await (await operator.get(f"/admin/conversations/{room}")).text()
    [row] = await acts(database, AuditAction.CONVERSATION_READ)
    details = json.loads(row.details)
    assert (row.actor, row.object) == ("admin", f"conversation:{room}")
    assert sorted(set(re.findall(r"사용자 </span><code>(\w+)</code>", html))) == details["people"]
    assert details["turns"] == "1-2"
    assert "person-1" not in repr(await logged(database))


async def test_no_page_is_shown_that_could_not_be_written_down(
    operator: Client, database: AsyncEngine
) -> None:
    await add_turn(database, "비밀스러운 질문")
    room = await conversation_of(database)
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_log RENAME TO away"))
    for path in ("/admin/", f"/admin/conversations/{room}"):
        response = await operator.get(path)
        assert response.status == 503
        assert "비밀스러운" not in await response.text()


async def test_sending_again_and_its_entry_are_one_transaction(
    operator: Client, database: AsyncEngine
) -> None:
    turn = await add_turn(database, delivery="failed")
    assert (await send(operator, f"/admin/turns/{turn}/send-again")).status == 303
    assert (await send(operator, f"/admin/turns/{turn}/send-again")).status == 409
    [row] = await acts(database, AuditAction.TURN_SENT_AGAIN)
    assert row.object == f"turn:{turn}"


async def test_pages_read_at_once_make_one_chain(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "lee")
    lee = await start_admin(database)
    await log_in(lee, user="lee")
    pages = [client.get("/admin/") for client in (operator, lee) for _ in range(15)]
    assert {response.status for response in await asyncio.gather(*pages)} == {200}
    assert len(await acts(database, AuditAction.TURNS_READ)) == 30
    async with database.connect() as connection:
        assert (await check_chain(connection)).broken_at is None


async def test_the_log_is_filtered_and_paged_by_its_address(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.begin() as connection:
        for n in range(120):
            one = AuditEntry(actor=f"user{n % 2}", action=AuditAction.LOGIN, object=f"n:{n}")
            await audit_log.append(connection, [one])
    path, seen = "/admin/audit?user=user1&action=login", []
    while path:
        html = await (await operator.get(path)).text()
        seen += re.findall(r"<code>n:(\d+)</code>", html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        path = older[1].replace("&amp;", "&") if older else ""
    assert [int(n) for n in seen] == list(range(119, 0, -2))
    assert len(html.encode()) < 60_000


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("action=x", "알 수 없는 값"),
        ("from=x", "날짜를 읽을 수 없습니다"),
        ("to=1999-01-01", "날짜를 읽을 수 없습니다"),
        ("from=2026-11-02&to=2026-11-01", "시작 날짜가"),
        ("before=x", "페이지 주소가"),
        ("before=" + "9" * 30, "페이지 주소가"),
        ("user=" + "a" * 300, "너무 깁니다"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_said_in_words(
    operator: Client, query: str, sentence: str
) -> None:
    response = await operator.get(f"/admin/audit?{query}")
    assert response.status == 400
    assert sentence in await response.text()


async def test_the_days_of_the_filter_are_korean_and_whole(
    operator: Client, database: AsyncEngine
) -> None:
    today = datetime.now(KST).date().isoformat()
    html = await (await operator.get(f"/admin/audit?from={today}&to={today}")).text()
    assert html.count('class="act"') == len(await logged(database))
    html = await (await operator.get("/admin/audit?to=2026-01-01")).text()
    assert "조건에 맞는 기록이 없습니다" in html


async def test_the_months_report_counts_by_user_and_act(
    operator: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "lee")
    lee = await start_admin(database)
    await log_in(lee, "틀린", user="lee")
    await log_in(lee, user="lee")
    for _ in range(3):
        await lee.get("/admin/")
    html = await (await operator.get("/admin/audit/report")).text()
    plain = re.sub(r"<[^>]+>|\s+", " ", html)
    plain = re.sub(r" +", " ", plain)
    assert "lee 대화 목록 열람 3 1" in plain
    assert "로그인 실패 1 1" in plain
    newest = [row for row in await logged(database) if row.action == "audit_read"][-1]
    assert newest.hash.hex() in html
    empty = await (await operator.get("/admin/audit/report?month=2020-02")).text()
    assert "이 달에는 기록이 없습니다" in empty


async def test_full_pages_stay_below_60_kilobytes(operator: Client, database: AsyncEngine) -> None:
    people = [f"{n:08x}" for n in range(50)]
    details = {"people": people, "turns": 50, "searched": True, "messenger": "kakao"}
    entries = [
        AuditEntry(
            actor=f"somebody.with.a.long.name.{n:03}@example.com",
            action=action,
            details=details,
            address="2001:db8:1234:5678:9abc:def0:1234:5678",
            reason="사유" * 100,
        )
        for n, action in enumerate(islice(cycle(AuditAction), 120))
    ]
    async with database.begin() as connection:
        await audit_log.append(connection, entries)
        for n in range(200):
            name = f"somebody.with.a.long.name.{n:03}@example.com"
            await dashboard_users.add(connection, name, Role.VIEWER, password_hash=None)
    for first in ("/admin/audit", "/admin/audit/report", "/admin/users"):
        path, pages, seen = first, 0, set[str]()
        while path and pages < 4:
            html = await (await operator.get(path)).text()
            assert len(html.encode()) < 60_000, (path, len(html.encode()))
            # A page of the log may hold one user's acts alone: their numbers differ.
            rows = r'somebody[\w.]+@example\.com</(?:a|th)|<span class="sr">\d+'
            found = set(re.findall(rows, html))
            assert found - seen
            seen |= found
            older = re.search(r'rel="next" href="([^"]+)"', html)
            path, pages = (older[1].replace("&amp;", "&") if older else ""), pages + 1
        assert pages >= 3


@pytest.mark.parametrize("month", ["x", "2026-13", "2026-1", "0001-01", "2026-11-01"])
async def test_no_month_is_a_400_page(operator: Client, month: str) -> None:
    assert (await operator.get(f"/admin/audit/report?month={month}")).status == 400


async def test_reading_the_log_is_written_down_too(operator: Client, database: AsyncEngine) -> None:
    await operator.get("/admin/audit?user=lee")
    [row] = await acts(database, AuditAction.AUDIT_READ)
    assert json.loads(row.details) == {"user": "lee"}


async def test_users_and_first_admin_log_in_as_before_when_the_log_is_gone(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    """A refusal stays a refusal, and the first admin gets in; a user waits for Postgres."""
    await add_user(database, "lee")
    client = await start_admin(database)
    async with database.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_log RENAME TO away"))
    assert (await log_in(client, "틀린")).status == 403
    assert (await log_in(client, PASSWORD, user="lee")).status == 503
    assert (await log_in(client)).status == 303
