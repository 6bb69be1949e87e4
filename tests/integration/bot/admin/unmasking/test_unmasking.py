"""Unmasking: an admin, with a reason, in one session, for ten minutes, and never in a search."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store.schema import turns
from tests.support.admin import Client, Clock, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.sample_turns import add_turn, conversation_of

PHONE = "010-1234-5678"
REASON = "환불 분쟁 확인"


@pytest.fixture
async def path(database: AsyncEngine) -> str:
    await add_turn(
        database,
        f"제 번호는 {PHONE}예요",
        f"{PHONE}로 연락드릴게요",
        reasoning=f"{PHONE} 확인",
        failure_message=f"refused {PHONE}",
    )
    return f"/admin/conversations/{await conversation_of(database)}"


async def html_of(client: Client, path: str) -> str:
    return await (await client.get(path)).text()


async def test_a_reason_unmasks_a_conversation_for_ten_minutes(
    operator: Client, path: str, clock: Clock
) -> None:
    assert PHONE not in await html_of(operator, path)
    answer = await send(operator, f"{path}/unmask", reason=REASON, before="7")
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}?before=7")
    assert (await html_of(operator, path)).count(PHONE) == 2
    clock.now += 599
    assert PHONE in await html_of(operator, path)
    clock.now += 2
    assert PHONE not in await html_of(operator, path)


async def test_the_pages_of_its_turns_are_unmasked_too(
    operator: Client, path: str, database: AsyncEngine
) -> None:
    turn_id = await _turn_id(database)
    pages = [f"/admin/turns/{turn_id}{page}" for page in ("", "/texts/reasoning", "/texts/prompt")]
    assert not any([PHONE in await html_of(operator, page) for page in pages])
    await send(operator, f"{path}/unmask", reason=REASON)
    for page in pages[:2]:
        assert PHONE in await html_of(operator, page)
        assert json.loads((await logged(database))[-1].details)["unmasked"] is True


async def _turn_id(database: AsyncEngine) -> str:
    async with database.connect() as connection:
        return str(await connection.scalar(select(turns.c.id)))


async def test_the_reason_and_each_reading_stand_in_the_audit_log(
    operator: Client, path: str, database: AsyncEngine
) -> None:
    await send(operator, f"{path}/unmask", reason=REASON)
    await operator.get(path)
    unmasked, read = (await logged(database))[-2:]
    assert (unmasked.action, unmasked.reason) == (AuditAction.CONVERSATION_UNMASKED, REASON)
    assert unmasked.object == read.object == path.removeprefix("/admin/").replace("s/", ":")
    assert json.loads(read.details)["unmasked"] is True
    assert PHONE not in unmasked.details + read.details


@pytest.mark.parametrize("reason", ["", "   ", "\u200b \u3000"])
async def test_without_a_reason_nothing_is_unmasked(
    operator: Client, path: str, database: AsyncEngine, reason: str
) -> None:
    assert (await send(operator, f"{path}/unmask", reason=reason)).status == 400
    assert PHONE not in await html_of(operator, path)
    assert AuditAction.CONVERSATION_UNMASKED not in {row.action for row in await logged(database)}


async def test_other_sessions_and_conversations_stay_masked(
    operator: Client, path: str, database: AsyncEngine, start_admin: StartAdmin
) -> None:
    await add_turn(database, f"여기도 {PHONE}", key="other")
    other = await start_admin(database)
    await log_in(other)
    await send(operator, f"{path}/unmask", reason=REASON)
    assert PHONE not in await html_of(other, path)
    neighbour = await conversation_of(database, "other")
    assert PHONE not in await html_of(operator, f"/admin/conversations/{neighbour}")
    assert PHONE not in await html_of(operator, "/admin/")


@pytest.mark.parametrize("words", ["1234", "5678예요", PHONE, f'"{PHONE}"', '"번호는 010"', "01"])
async def test_a_search_finds_no_more_than_before(operator: Client, path: str, words: str) -> None:
    await send(operator, f"{path}/unmask", reason=REASON)
    for query in (words, f"{words} messenger:kakao"):
        assert "조건에 맞는 대화가 없습니다." in await html_of(
            operator, f"/admin/?q={quote(query)}"
        )
    assert PHONE not in await html_of(operator, "/admin/?q=" + quote("연락드릴게요"))


async def test_it_can_be_masked_again(operator: Client, path: str) -> None:
    await send(operator, f"{path}/unmask", reason=REASON)
    assert (await send(operator, f"{path}/mask")).status == 303
    assert PHONE not in await html_of(operator, path)


async def test_a_role_that_is_taken_away_masks_at_once(
    start_admin: StartAdmin, database: AsyncEngine, path: str, operator: Client
) -> None:
    user_id = await add_user(database, "lee", Role.ADMIN)
    lee = await start_admin(database)
    await log_in(lee, user="lee")
    await send(lee, f"{path}/unmask", reason=REASON)
    assert PHONE in await html_of(lee, path)
    await send(operator, f"/admin/users/{user_id}/role", role="reviewer")
    await log_in(lee, user="lee")
    assert PHONE not in await html_of(lee, path)


async def test_reviewers_neither_unmask_nor_see_the_form(
    start_admin: StartAdmin, database: AsyncEngine, path: str
) -> None:
    await add_user(database, "reviewer", Role.REVIEWER)
    reviewer = await start_admin(database)
    await log_in(reviewer, user="reviewer")
    assert "/unmask" not in await html_of(reviewer, path)
    assert (await send(reviewer, f"{path}/unmask", reason=REASON)).status == 403
    assert PHONE not in await html_of(reviewer, path)


async def test_at_most_five_conversations_are_unmasked_at_once(
    operator: Client, database: AsyncEngine
) -> None:
    paths = []
    for number in range(6):
        await add_turn(database, f"제 번호는 {PHONE}예요", key=f"k{number}")
        paths.append(f"/admin/conversations/{await conversation_of(database, f'k{number}')}")
        await send(operator, f"{paths[-1]}/unmask", reason=REASON)
    shown = [PHONE in await html_of(operator, path) for path in paths]
    assert shown == [False, *[True] * 5]


@pytest.mark.parametrize("unknown", ["999999", "x", "٣", "9" * 30])
async def test_an_unknown_conversation_is_404(operator: Client, unknown: str) -> None:
    answer = await send(operator, f"/admin/conversations/{quote(unknown)}/unmask", reason=REASON)
    assert answer.status == 404
