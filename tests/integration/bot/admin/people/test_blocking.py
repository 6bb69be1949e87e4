"""Blocking a person: with a reason, audited, shown, undone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.blocklist import Blocklist
from bot.domain.audit import AuditAction
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym
from bot.store import blocked_people
from tests.support.admin import Client, send
from tests.support.audit import logged

PathOf = Callable[[Person], str]


async def html_of(client: Client, path: str) -> str:
    return await (await client.get(path)).text()


async def test_a_block_has_a_reason_and_an_audit_row_and_is_undone(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    path, blocklist = path_of(person), Blocklist(database)
    answer = await send(operator, f"{path}/block", reason="욕설 <b>반복</b>")
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}/rights")
    await blocklist.refresh()
    assert person in blocklist
    for shown in (
        await html_of(operator, f"{path}/rights"),
        await html_of(operator, "/admin/blocked"),
    ):
        assert "욕설 &lt;b&gt;반복&lt;/b&gt;" in shown
        assert person.sender not in shown
    assert (await send(operator, f"{path}/unblock", reason="사과함")).status == 303
    await blocklist.refresh()
    assert person not in blocklist
    done = [
        row for row in await logged(database) if row.action.startswith("person_") and row.reason
    ]
    name = pseudonym("kakao", "shop", person.sender)
    assert [(row.action, row.object, row.reason) for row in done] == [
        (AuditAction.PERSON_BLOCKED, f"person:{name}", "욕설 <b>반복</b>"),
        (AuditAction.PERSON_UNBLOCKED, f"person:{name}", "사과함"),
    ]
    assert json.loads(done[0].details) == {"people": [name]}


async def test_without_a_reason_nobody_is_blocked(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    answer = await send(operator, f"{path_of(person)}/block", reason=" . ")
    assert answer.status == 400
    assert "사유를 적어 주세요" in await answer.text()
    blocklist = Blocklist(database)
    await blocklist.refresh()
    assert person not in blocklist


async def test_only_this_person_is_blocked(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    await send(operator, f"{path_of(person)}/block", reason="시험")
    blocklist = Blocklist(database)
    await blocklist.refresh()
    for other in ("person-2", "person-10", ""):
        assert Person(messenger="kakao", tenant="shop", sender=other) not in blocklist
    assert Person(messenger="slack", tenant="shop", sender=person.sender) not in blocklist
    assert Person(messenger="kakao", tenant="x", sender=person.sender) not in blocklist


async def test_a_second_block_changes_nothing(
    operator: Client, database: AsyncEngine, person: Person, path_of: PathOf
) -> None:
    for reason in ("첫째 사유", "둘째 사유"):
        assert (await send(operator, f"{path_of(person)}/block", reason=reason)).status == 303
    async with database.connect() as connection:
        found = await blocked_people.find(connection, person.key)
    assert found
    assert found.reason == "첫째 사유"
    blocks = [r for r in await logged(database) if r.action == AuditAction.PERSON_BLOCKED]
    assert len(blocks) == 1


async def test_the_list_has_pages_and_unblocks(
    operator: Client, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.admin.people.list_views.PAGE_SIZE", 2)
    people = [Person(messenger="kakao", tenant="shop", sender=f"p{n}") for n in range(5)]
    for one in people:
        async with database.begin() as connection:
            await blocked_people.block(
                connection, one, name=f"name-{one.sender}", reason="r", by="a"
            )
    seen, path = [], "/admin/blocked"
    while path:
        html = await html_of(operator, path)
        seen += [one.sender for one in people if f">name-{one.sender}<" in html]
        path = html.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in html else ""
    assert sorted(seen) == ["p0", "p1", "p2", "p3", "p4"]
    answer = await send(operator, "/admin/blocked/unblock", person=people[3].key)
    assert answer.status == 303
    assert "name-p3" not in await html_of(operator, "/admin/blocked")


@pytest.mark.parametrize("person", ["", "x", "\0" * 32, "0" * 31, "A" * 32])
async def test_what_is_no_digest_is_refused(operator: Client, person: str) -> None:
    assert (await send(operator, "/admin/blocked/unblock", person=person)).status == 400


async def test_who_is_not_blocked_is_not_unblocked(operator: Client) -> None:
    assert (await send(operator, "/admin/blocked/unblock", person="0" * 32)).status == 404


async def test_a_made_up_address_is_404(operator: Client) -> None:
    for act in ("block", "unblock", "erase", "download"):
        answer = await send(operator, f"/admin/people/AAAA/{act}", reason="시험", sure="yes")
        assert answer.status == 404


async def test_there_is_a_bound(
    operator: Client,
    person: Person,
    path_of: PathOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocked_people, "MAX_BLOCKED", 1)
    other = Person(messenger="kakao", tenant="shop", sender="person-2")
    assert (await send(operator, f"{path_of(person)}/block", reason="시험")).status == 303
    assert (await send(operator, f"{path_of(other)}/block", reason="시험")).status == 409
