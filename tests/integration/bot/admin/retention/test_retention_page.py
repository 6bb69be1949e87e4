"""The retention page: rules are made, changed and deleted, each with an audit row."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.store import retention_rules
from bot.store.retention_rules import RetentionRule
from tests.integration.bot.privacy.test_retention import execute
from tests.support.admin import Client, send
from tests.support.audit import logged

PATH = "/admin/retention"


async def rules(database: AsyncEngine) -> list[RetentionRule]:
    async with database.connect() as connection:
        return await retention_rules.list_rules(connection)


async def html_of(client: Client) -> str:
    return await (await client.get(PATH)).text()


async def test_a_rule_is_made_changed_and_deleted(operator: Client, database: AsyncEngine) -> None:
    assert "모든 대화를 계속 보관하고" in await html_of(operator)
    scope = {"messenger": "kakao", "tenant": "shop"}
    for typed in ({"days": "90"}, {"keep": "forever"}):
        answer = await send(operator, PATH, **scope, **typed, reason="방침 7조")
        assert (answer.status, answer.headers["Location"]) == (303, PATH)
    (rule,) = await rules(database)
    assert (rule.messenger, rule.tenant, rule.days) == ("kakao", "shop", None)
    assert rule.changed_by == "admin"
    assert (await send(operator, f"{PATH}/delete", **scope)).status == 303
    assert await rules(database) == []
    changes = [row for row in await logged(database) if row.object == "retention:kakao/shop"]
    assert {row.action for row in changes} == {AuditAction.RETENTION_CHANGED}
    assert [json.loads(row.details) for row in changes] == [
        {"before": "none", "after": "90"},
        {"before": "90", "after": "forever"},
        {"before": "forever", "after": "none"},
    ]
    assert [row.reason for row in changes] == ["방침 7조", "방침 7조", ""]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"days": ""}, "1일부터 36500일까지"),
        ({"days": "0"}, "1일부터 36500일까지"),
        ({"days": "-3"}, "1일부터 36500일까지"),
        ({"days": "٣"}, "1일부터 36500일까지"),
        ({"days": "36501"}, "1일부터 36500일까지"),
        ({"days": "9" * 5000}, "1일부터 36500일까지"),
        ({"days": "1.5"}, "1일부터 36500일까지"),
        ({"days": "30", "messenger": "telegram"}, "메신저를 목록에서"),
        ({"days": "30", "tenant": "shop"}, "메신저도 골라"),
        ({"days": "30", "messenger": "kakao", "tenant": "x" * 201}, "너무 깁니다"),
    ],
)
async def test_what_is_no_rule_is_said_and_changes_nothing(
    operator: Client, database: AsyncEngine, typed: dict[str, str], sentence: str
) -> None:
    answer = await send(operator, PATH, **typed)
    assert answer.status == 400
    assert sentence in await answer.text()
    assert await rules(database) == []


async def test_hostile_names_are_escaped(operator: Client) -> None:
    await send(operator, PATH, messenger="kakao", tenant="<script>alert(1)</script>", days="3")
    html = await html_of(operator)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


async def test_a_rule_that_is_gone_is_404(operator: Client) -> None:
    assert (await send(operator, f"{PATH}/delete", messenger="kakao")).status == 404


async def test_a_rule_of_a_messenger_that_was_switched_off_can_be_deleted(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.begin() as connection:
        await retention_rules.set_rule(connection, "telegram", "", 3, by="admin")
    assert "telegram" in await html_of(operator)
    assert (await send(operator, f"{PATH}/delete", messenger="telegram")).status == 303


async def test_a_run_shows_how_far_it_is(operator: Client, database: AsyncEngine) -> None:
    await execute(
        database,
        "INSERT INTO retention_runs (until, reached_at, turns, conversations)"
        " VALUES (now(), '2026-01-31T15:30:00Z', 12345, 67)",
    )
    html = await html_of(operator)
    assert "2026-02-01 00:30" in html
    assert "12,345" in html
    assert "67" in html


async def test_the_page_is_small_with_as_many_rules_as_there_can_be(
    operator: Client, database: AsyncEngine
) -> None:
    async with database.begin() as connection:
        for number in range(retention_rules.MAX_RULES):
            await retention_rules.set_rule(connection, "kakao", f"tenant-{number}", 30, by="admin")
    assert len((await html_of(operator)).encode()) < 60_000
    one_more = await send(operator, PATH, messenger="slack", days="3")
    assert one_more.status == 409
