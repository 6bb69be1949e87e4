"""The bot's token of a workspace: kept for minutes, renewed once, dropped when Slack refuses it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.http.outbound import OutboundClient
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.installing import token_cache
from bot.messengers.slack.installing.bot_tokens import token_source
from bot.store.installations import Installations
from fakes.faults import Fault, serving
from fakes.slack_oauth import CLIENT_ID, CLIENT_SECRET
from runtime.database import DATABASE_ERRORS
from tests.integration.bot.messengers.slack.installing.conftest import KEY, TEAM, Desk

ROOT = Path(__file__).parents[6]
HOUR = 3600.0


async def until_renewed(desk: Desk, count: int = 1) -> None:
    async with asyncio.timeout(20):
        while len(desk.slack.refreshes) < count:
            await asyncio.sleep(0.02)


async def test_the_token_of_the_settings_serves_every_workspace(desk: Desk) -> None:
    await desk.install()
    settings = desk.settings.model_copy(update={"bot_token": SecretStr("xoxb-1-fixed")})
    tokens = token_source(settings, desk.tokens())
    assert [await tokens.token(team) for team in (TEAM, "T2")] == ["xoxb-1-fixed"] * 2
    assert token_source(desk.settings, None).available is False
    assert token_source(desk.settings, desk.tokens()).available is True


async def test_a_workspace_is_found_without_its_organisation(desk: Desk) -> None:
    token = await desk.install(enterprise_id="E1")
    assert await desk.tokens().token(TEAM) == token


async def test_each_workspace_has_the_token_of_its_installation(desk: Desk) -> None:
    first, second = await desk.install(), await desk.install(team_id="T2")
    tokens = desk.tokens()
    assert [await tokens.token(team) for team in (TEAM, "T2", "T3")] == [first, second, ""]


async def test_the_organisation_s_installation_serves_its_workspaces(desk: Desk) -> None:
    whole = await desk.install(team_id=None, enterprise_id="E1", is_enterprise_install=True)
    assert await desk.tokens().token("T7", "E1") == whole
    assert await desk.tokens().token("T7", "E2") == ""


async def test_a_known_token_costs_no_query(desk: Desk) -> None:
    token, tokens = await desk.install(), desk.tokens()
    assert await tokens.token(TEAM) == token
    await desk.database.dispose()
    async with desk.database.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE slack_bots")
    assert await tokens.token(TEAM) == token
    with pytest.raises(DATABASE_ERRORS):
        await tokens.token("T2")


async def test_many_callers_share_one_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    token, reads = await desk.install(), 0
    find = Installations.find_at

    async def counted(self: Installations, *place: str) -> Any:
        nonlocal reads
        reads += 1
        return await find(self, *place)

    monkeypatch.setattr(Installations, "find_at", counted)
    tokens = desk.tokens()
    assert set(await asyncio.gather(*(tokens.token(TEAM) for _ in range(50)))) == {token}
    assert reads == 1


async def test_the_cache_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_cache, "MAX_WORKSPACES", 3)
    cache = token_cache.TokenCache()
    for number in range(5):
        cache.keep(f"T{number}", f"xoxb-{number}")
    assert [cache.latest(f"T{number}") for number in range(5)] == [
        *("", ""),
        *("xoxb-2", "xoxb-3", "xoxb-4"),
    ]


@pytest.mark.parametrize("ends_in_s", [-60.0, HOUR])
async def test_two_processes_at_once_use_a_refresh_token_once(desk: Desk, ends_in_s: float) -> None:
    old = await desk.install(ends_in_s=ends_in_s)
    desk.slack.access_faults.slow_s = 2.0
    desk.slack.access_faults.always = Fault.SLOW
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BOT_")}
    environment = clean | {
        "BOT_SLACK_CLIENT_ID": CLIENT_ID,
        "BOT_SLACK_CLIENT_SECRET": CLIENT_SECRET,
        "BOT_SLACK_TOKEN_KEYS": KEY,
        "BOT_SLACK_API_URL": desk.slack.api_url,
    }
    command = (sys.executable, "-m", "tests.support.slack_token_process", desk.database_url, TEAM)
    processes = [
        await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    printed = [(await process.communicate())[0].decode() for process in processes]
    [renewed] = set(desk.slack.tokens) - {old}
    assert len(desk.slack.refreshes) == 1
    # A token that still lives is used until the new one is there.
    assert set(printed) <= ({renewed} if ends_in_s < 0 else {old, renewed})
    assert await desk.tokens().token(TEAM) == renewed


async def test_a_token_that_ends_soon_is_renewed_while_it_is_used(desk: Desk) -> None:
    old, tokens = await desk.install(ends_in_s=HOUR), desk.tokens()
    assert await tokens.token(TEAM) == old
    await tokens.close()
    renewed = await tokens.token(TEAM)
    assert renewed != old
    assert desk.slack.refusal(renewed) == ""
    assert await desk.tokens().token(TEAM) == renewed
    assert len(desk.slack.refreshes) == 1


async def test_a_refusal_of_the_renewal_is_no_storm(desk: Desk) -> None:
    old = await desk.install(ends_in_s=HOUR, bot_refresh_token="xoxe-1-used-before")
    tokens = desk.tokens()
    for _ in range(20):
        tokens.forget(TEAM)
        assert await tokens.token(TEAM) == old
        await tokens.close()
    assert desk.slack.refreshes == ["xoxe-1-used-before"]


async def test_an_expired_token_that_cannot_be_renewed_is_none(desk: Desk) -> None:
    await desk.install(ends_in_s=-60, bot_refresh_token="xoxe-1-used-before")
    assert await desk.tokens().token(TEAM) == ""


async def test_slack_out_of_reach_leaves_a_living_token(desk: Desk) -> None:
    old, tokens = await desk.install(ends_in_s=HOUR), desk.tokens()
    desk.slack.access_faults.always = Fault.DROPPED
    assert await tokens.token(TEAM) == old
    await tokens.close()
    assert await tokens.token(TEAM) == old


async def test_a_caller_who_hangs_up_does_not_lose_the_renewed_token(desk: Desk) -> None:
    await desk.install(ends_in_s=-60)
    desk.slack.access_faults.slow_s = 0.5
    desk.slack.access_faults.always = Fault.SLOW
    tokens = desk.tokens()
    caller = asyncio.create_task(tokens.token(TEAM))
    await until_renewed(desk)
    caller.cancel()
    await tokens.close()
    assert desk.slack.refusal(await desk.tokens().token(TEAM)) == ""
    assert len(desk.slack.refreshes) == 1


async def test_a_dead_token_is_used_no_more_until_there_is_another(desk: Desk) -> None:
    dead, tokens = await desk.install(), desk.tokens()
    assert await tokens.token(TEAM) == dead
    tokens.drop(TEAM, dead)
    assert await tokens.token(TEAM) == ""
    fresh = await desk.install()
    tokens.forget(TEAM)
    assert await tokens.token(TEAM) == fresh
    tokens.drop(TEAM, dead)  # from a call that was slower
    assert await tokens.token(TEAM) == fresh


@pytest.mark.parametrize(
    ("code", "is_dead"),
    [
        ("token_revoked", True),
        ("account_inactive", True),
        ("invalid_auth", True),
        ("channel_not_found", False),
    ],
)
async def test_the_web_api_drops_what_slack_calls_dead(
    desk: Desk, code: str, is_dead: bool
) -> None:
    await desk.install()
    tokens = desk.tokens()

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"ok": False, "error": code})

    app = web.Application()
    app.router.add_post("/api/chat.postMessage", refuse)
    async with serving(app) as origin, OutboundClient((origin,)) as outbound:
        settings = desk.settings.model_copy(update={"api_url": f"{origin}/api/"})
        result = await SlackApi(settings, outbound, tokens).call(
            "chat.postMessage", {"channel": "C1", "text": "x"}, team=TEAM
        )
    assert result.error == code
    assert (await tokens.token(TEAM) == "") == is_dead


async def test_a_lost_key_is_no_crash(desk: Desk) -> None:
    await desk.install()
    other = SecretStr("x" * 43 + "=")
    assert await desk.tokens(token_keys=other).token(TEAM) == ""
