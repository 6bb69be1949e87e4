"""An uninstalled app leaves neither rows nor a cached token behind."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.messengers.slack.installing.uninstalling import Uninstaller
from tests.integration.bot.messengers.slack.installing.conftest import TEAM, Desk


def envelope(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "event_callback",
        "team_id": TEAM,
        "event": event,
        "event_time": int(time.time()) + 5,
        **fields,
    }


UNINSTALLED = {"type": "app_uninstalled"}
BOT_REVOKED = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": ["UB1"]}}


@pytest.mark.parametrize("event", [UNINSTALLED, BOT_REVOKED], ids=["uninstalled", "revoked"])
async def test_uninstalling_erases_rows_and_cache(desk: Desk, event: dict[str, Any]) -> None:
    await desk.install()
    other = await desk.install(team_id="T2")
    tokens = desk.tokens()
    await tokens.token(TEAM)
    assert await Uninstaller(desk.store, tokens).receive(envelope(event)) == 2
    assert await tokens.token(TEAM) == ""
    assert await tokens.token("T2") == other
    assert await desk.count("slack_bots") == await desk.count("slack_installations") == 1
    assert await Uninstaller(desk.store, tokens).receive(envelope(event)) == 0  # delivered twice


async def test_an_event_that_comes_late_spares_the_new_installation(desk: Desk) -> None:
    token, tokens = await desk.install(), desk.tokens()
    late = envelope(UNINSTALLED, event_time=int(time.time()) - 60)
    assert await Uninstaller(desk.store, tokens).receive(late) == 0
    assert await tokens.token(TEAM) == token


async def test_a_person_s_revoked_token_leaves_the_bot(desk: Desk) -> None:
    token, tokens = await desk.install(user_id="U1"), desk.tokens()
    event = {"type": "tokens_revoked", "tokens": {"oauth": ["U1", 7, None], "bot": []}}
    assert await Uninstaller(desk.store, tokens).receive(envelope(event)) == 1
    assert await tokens.token(TEAM) == token
    assert await desk.count("slack_installations") == 0


async def test_an_organisation_s_installation_is_erased_as_one(desk: Desk) -> None:
    await desk.install(team_id=None, enterprise_id="E1", is_enterprise_install=True)
    tokens = desk.tokens()
    assert await tokens.token("T7", "E1")
    gone = envelope(
        UNINSTALLED,
        team_id="T7",
        enterprise_id="E1",
        authorizations=[{"enterprise_id": "E1", "team_id": None, "is_enterprise_install": True}],
    )
    assert await Uninstaller(desk.store, tokens).receive(gone) == 2
    assert await tokens.token("T7", "E1") == ""


@pytest.mark.parametrize(("installed", "told"), [(None, "E1"), ("E1", None), ("E1", "E2")])
@pytest.mark.parametrize("event", [UNINSTALLED, BOT_REVOKED], ids=["uninstalled", "revoked"])
async def test_a_workspace_is_erased_whatever_organisation_it_is_in(
    desk: Desk, event: dict[str, Any], installed: str | None, told: str | None
) -> None:
    await desk.install(enterprise_id=installed)
    other = await desk.install(team_id="T2", enterprise_id=told)
    tokens = desk.tokens()
    moved = envelope(event, enterprise_id=told)
    assert await Uninstaller(desk.store, tokens).receive(moved) == 2
    assert await tokens.token(TEAM) == ""
    assert await tokens.token("T2") == other


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"event": None},
        {"event": []},
        {"event": {"type": "tokens_revoked"}},
        {"event": {"type": "tokens_revoked", "tokens": ["U1"]}},
        {"event": {"type": "tokens_revoked", "tokens": {"oauth": "U1"}}},
        {"event": {"type": ["app_uninstalled"]}},
        {"event": {"type": "app_mention"}},
    ],
)
async def test_an_odd_event_erases_nothing(desk: Desk, odd: dict[str, Any]) -> None:
    await desk.install()
    whole = {**envelope(UNINSTALLED), "event": None, **odd}
    assert await Uninstaller(desk.store, desk.tokens()).receive(whole) == 0
    assert await desk.count("slack_bots") == 1


async def test_an_event_whose_other_fields_are_odd_is_no_error(desk: Desk) -> None:
    uninstaller = Uninstaller(desk.store, desk.tokens())
    odds: tuple[Any, ...] = (None, [], {}, -1, 10**30, "x", True, [None], [[]])
    for odd in odds:
        strange = envelope(UNINSTALLED, team_id=odd, event_time=odd, authorizations=odd)
        assert await uninstaller.receive(strange) == 0
