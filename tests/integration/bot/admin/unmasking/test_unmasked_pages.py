"""Every page with people's words: it honours the grant, or says in words why not."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.admin_pages import PAGES, add_everything

PHONE = "010-1234-5678"
#: Of one conversation: a grant shows its words.
HONOURS = {"conversation", "turn", "prompt", "text", "request", "review"}
#: Of many, blind, or stored masked: the page says so.
SAYS_WHY = {
    "turns", "live", "dead-letters", "review-queue", "person", "replay-compare", "dataset-items",
}  # fmt: skip
_CORRECTION = re.compile(r'<textarea[^>]*name="correction"[^>]*>(.*?)</textarea>', re.DOTALL)
_ALWAYS = re.compile(r"<p class=\"soft\" data-masked>[^<]{20,}</p>")


@pytest.fixture
async def ids(database: AsyncEngine) -> dict[str, str]:
    """Of pages whose people wrote their number everywhere."""
    ids = await add_everything(database)
    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        for statement in (
            "UPDATE turns SET text = :phone || ' ' || text, answer = :phone || ' ' || answer",
            "UPDATE feedback SET note = :phone",
            "UPDATE replay_items SET answer = :phone WHERE answer IS NOT NULL",
        ):
            await connection.execute(text(statement), {"phone": PHONE})
    return ids


async def _shown(client: Client, name: str, ids: dict[str, str]) -> str:
    page = next(one for one in PAGES.values() if one.name == name)
    response = await client.get(f"/admin{page.address.format_map(ids)}")
    assert response.status == 200
    return await response.text()


async def _conversation(database: AsyncEngine, turn_id: str) -> int:
    async with database.connect() as connection:
        asked = text("SELECT conversation_id FROM turns WHERE id = CAST(:id AS uuid)")
        return int(await connection.scalar(asked, {"id": turn_id}) or 0)


async def _unmask_all(client: Client, database: AsyncEngine, ids: dict[str, str]) -> None:
    places = {int(ids["conversation"])}
    places |= {await _conversation(database, ids[name]) for name in ("turn", "reviewed")}
    for place in places:
        answer = await send(client, f"/admin/conversations/{place}/unmask", reason="분쟁 확인")
        assert answer.status == 303


async def test_a_grant_is_honoured_or_the_page_says_why_not(
    operator: Client, database: AsyncEngine, ids: dict[str, str]
) -> None:
    before = {name: await _shown(operator, name, ids) for name in HONOURS | SAYS_WHY}
    assert not {name for name, shown in before.items() if PHONE in shown}
    await _unmask_all(operator, database, ids)
    after = {name: await _shown(operator, name, ids) for name in HONOURS | SAYS_WHY}
    assert {name for name, shown in after.items() if PHONE in shown} == HONOURS
    assert {name for name, shown in after.items() if _ALWAYS.search(shown)} == SAYS_WHY


async def test_a_correction_begins_masked_also_for_who_reads_unmasked(
    operator: Client, database: AsyncEngine, ids: dict[str, str]
) -> None:
    await _unmask_all(operator, database, ids)
    shown = await _shown(operator, "review", ids)
    corrections = _CORRECTION.findall(shown)
    assert corrections
    assert not [one for one in corrections if PHONE in one]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
async def test_others_can_neither_unmask_nor_see_what_an_admin_unmasked(
    operator: Client,
    start_admin: StartAdmin,
    database: AsyncEngine,
    ids: dict[str, str],
    role: Role,
) -> None:
    await _unmask_all(operator, database, ids)
    await add_user(database, "다른이", role)
    other = await start_admin(database)
    await log_in(other, user="다른이")
    path = f"/admin/conversations/{ids['conversation']}/unmask"
    assert (await send(other, path, reason="궁금해서")).status == 403
    for name in ("conversation", "turn", "review"):
        assert PHONE not in await _shown(other, name, ids)
