"""What becomes of each kind of Slack's presses and forms, also in a Grid organisation."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.slack import simulated_interactions as interactions
from bot.messengers.slack.controls import REASON_VIEW, REASONS_BLOCK, VOTE_ACTION
from bot.observability.metrics import UNKNOWN_REQUESTS
from tests.support.slack_chat import SlackChat

TEAM = {"id": "T0BLLOSSOM", "domain": "bllossom-demo"}
GRID_TEAM = {**TEAM, "enterprise_id": "E1", "enterprise_name": "큰 회사"}
OTHER_TEAM = {"id": "T9", "domain": "other", "enterprise_id": "E9"}
PERSON = {"id": "U1", "name": "u1", "team_id": TEAM["id"]}
BASE: dict[str, Any] = {
    "team": TEAM,
    "user": PERSON,
    "trigger_id": "1.2.3",
    "callback_id": "made_up",
}
VIEW = {"id": "V1", "type": "modal", "callback_id": "made_up", "state": {"values": {}}}
MESSAGE = {"ts": "1700000000.000100", "text": "글"}


def form(kind: str, **view: Any) -> dict[str, Any]:
    return {**BASE, "type": kind, "view": {**VIEW, **view}}


def press(**fields: Any) -> dict[str, Any]:
    action = {"type": "button", "action_id": "made_up", "block_id": "b", "value": "1"}
    return {**interactions.block_actions("U1", action, channel="C1", message=MESSAGE), **fields}


#: Acknowledged and counted: (what, its payload).
UNKNOWN: dict[str, dict[str, Any]] = {
    "shortcut": {**BASE, "type": "shortcut"},
    "message_action": {**BASE, "type": "message_action", "message": MESSAGE},
    "interactive_message": {**BASE, "type": "interactive_message", "actions": [{"name": "a"}]},
    "dialog_submission": {**BASE, "type": "dialog_submission", "submission": {}},
    "dialog_cancellation": {**BASE, "type": "dialog_cancellation", "state": ""},
    "dialog_suggestion": {**BASE, "type": "dialog_suggestion", "name": "n", "value": "v"},
    "block_suggestion": {**BASE, "type": "block_suggestion", "action_id": "a", "value": "v"},
    "workflow_step_edit": {**BASE, "type": "workflow_step_edit", "workflow_step": {}},
    "one_of_next_year": {**BASE, "type": "one_of_next_year"},
    "a form": form("view_submission"),
    "a workflow's form": form("view_submission", type="workflow_step"),
    "an entity's form": form("view_submission", type="entity_detail", callback_id=""),
    "a closed form": form("view_closed"),
    "a closed form of ours": form("view_closed", callback_id=REASON_VIEW),
    "a button": press(),
    "a button without a message": press(message=None, channel=None, container={}),
    "a menu": press(actions=[{"type": "static_select", "action_id": "m", "selected_option": {}}]),
    "a button without an id": press(actions=[{"type": "button"}]),
    "no action": press(actions=[]),
}


def counted() -> float:
    kinds = ("request", "event", "press")
    return float(sum(UNKNOWN_REQUESTS.labels("slack", kind)._value.get() for kind in kinds))


async def test_unknown_presses_and_forms_are_acknowledged_and_counted(chat: SlackChat) -> None:
    for name, payload in UNKNOWN.items():
        before = counted()
        said = await chat.interact(payload)
        assert (said.status, said.body) == (200, ""), name
        assert counted() == before + 1, name
    assert chat.stack.slack.web_api.calls == []


async def ask_in_grid(chat: SlackChat) -> tuple[str, str, str]:
    """Ask in a workspace of an organisation; the channel, the answer's ts and its turn."""
    room = chat.direct("U1")
    [body] = chat.people.write("U1", room, "안녕")
    await chat.send({**body, "enterprise_id": "E1"})
    turn = await chat.until_answered("안녕")
    assert turn.tenant == f"E1/{TEAM['id']}"
    ts = await chat.until_shown("U1", room, body["event"]["ts"], "에코: 안녕")
    return room, ts, str(turn.id)


@pytest.mark.parametrize("enterprise", [{"id": "E1", "name": "큰 회사"}, None])
@pytest.mark.parametrize("installed", [TEAM["id"], "E1"])
async def test_a_vote_and_its_reason_count_in_an_organisation(
    chat: SlackChat, enterprise: dict[str, str] | None, installed: str
) -> None:
    room, ts, turn = await ask_in_grid(chat)
    place = {"team": GRID_TEAM, "enterprise": enterprise}
    vote = chat.people.press("U1", room, ts, VOTE_ACTION, f"bad:{turn}")
    assert (await chat.interact({**vote, **place})).status == 200
    await chat.stack.slack.until(lambda: "U1" in chat.workspace.views.modals)
    await submit_reason(chat, place, installed)
    [stored] = await chat.stack.rows("SELECT * FROM feedback")
    assert (str(stored.turn_id), stored.vote, stored.reasons) == (turn, "bad", ["wrong"])


async def submit_reason(chat: SlackChat, place: dict[str, Any], installed: str) -> None:
    chosen = {REASONS_BLOCK: {"selected_options": [{"value": "wrong"}]}}
    sent = chat.people.submit("U1", {REASONS_BLOCK: chosen})
    view = {**sent["view"], "app_installed_team_id": installed}
    said = await chat.interact({**sent, **place, "view": view})
    assert (said.status, said.body) == (200, "")


async def test_somebody_of_another_company_gives_a_reason(chat: SlackChat) -> None:
    room = chat.direct("U1")
    asked = await chat.say("U1", room, "안녕")
    turn = await chat.until_answered("안녕")
    ts = await chat.until_shown("U1", room, asked, "에코: 안녕")
    await chat.press("U1", room, ts, VOTE_ACTION, f"bad:{turn.id}")
    await chat.stack.slack.until(lambda: "U1" in chat.workspace.views.modals)
    place = {"team": OTHER_TEAM, "enterprise": {"id": "E9"}}
    await submit_reason(chat, place, TEAM["id"])
    [stored] = await chat.stack.rows("SELECT reasons FROM feedback")
    assert stored.reasons == ["wrong"]


@pytest.mark.parametrize("place", [{"team": TEAM, "enterprise": None}, {"team": OTHER_TEAM}])
async def test_a_vote_from_another_organisation_changes_nothing(
    chat: SlackChat, place: dict[str, Any]
) -> None:
    room, ts, turn = await ask_in_grid(chat)
    vote = chat.people.press("U1", room, ts, VOTE_ACTION, f"bad:{turn}")
    assert (await chat.interact({**vote, **place})).status == 200
    assert await chat.stack.rows("SELECT 1 FROM feedback") == []
