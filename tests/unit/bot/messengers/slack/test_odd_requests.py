"""Requests whose fields have any shape: each is acknowledged, and none is an error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, MagicMock
from uuid import uuid4

import pytest
from pydantic import SecretStr

from bot.domain.messenger import Refusal
from bot.messengers.slack import simulated_events as events
from bot.messengers.slack import simulated_interactions as interactions
from bot.messengers.slack.actions import ActionReceiver
from bot.messengers.slack.controls import ERASE_ACTION, REASON_VIEW, STOP_ACTION, VOTE_ACTION
from bot.messengers.slack.endpoint import SlackEndpoint
from bot.messengers.slack.listeners import Listeners
from bot.messengers.slack.request_fields import event_fields, press_fields
from bot.messengers.slack.settings import SlackSettings
from bot.text.catalog import TEXTS

TS = "1700000000.000100"
VOTE = f"bad:{uuid4()}"
ABSENT = object()
ODD = [
    ABSENT,
    None,
    [],
    {},
    -1,
    1e308,
    True,
    "",
    "\x00",
    "\ud800",
    "가" * 100_000,
    [None],
    [[]],
    [1],
    [{"value": []}],
    {"id": {"id": []}},
    {"a": 1},
    10**400,
]
SETTINGS = SlackSettings(signing_secret=SecretStr("secret"), bot_token=SecretStr("xoxb-1"))


@pytest.fixture
def endpoint() -> SlackEndpoint:
    """The endpoint with its real listeners; what they hand on is accepted by nobody."""
    services = MagicMock()
    services.texts = TEXTS["ko"]
    services.texts_for.return_value = TEXTS["ko"]
    services.requests = AsyncMock(taken=MagicMock())
    services.eraser = AsyncMock()
    listeners = Listeners(
        messages=AsyncMock(),
        actions=ActionReceiver(services, MagicMock()),
        home=MagicMock(),
        requests=services.requests,
        settings=SETTINGS,
        texts=TEXTS["ko"],
        removed=AsyncMock(),
    )
    return SlackEndpoint(SETTINGS, AsyncMock(), listeners, max_chars=4000)


def nested(depth: int) -> dict[str, Any]:
    """Objects in objects, under the names in which bolt looks for ids."""
    deep: dict[str, Any] = {"id": "x"}
    for _ in range(depth):
        deep = {"event": deep, "message": deep, "view": deep, "authorizations": [deep]}
    return deep


def press(action: str) -> dict[str, Any]:
    return interactions.block_actions(
        "U1",
        {"type": "button", "action_id": action, "block_id": "b", "value": VOTE},
        channel="C1",
        message={"ts": TS, "thread_ts": TS},
    )


FORM = interactions.view_submission(
    "U1",
    {"id": "V1", "type": "modal", "callback_id": REASON_VIEW, "private_metadata": f"{VOTE}:C1"},
    {
        "reasons": {"reasons": {"type": "checkboxes", "selected_options": [{"value": "wrong"}]}},
        "note": {"note": {"type": "plain_text_input", "value": "왜냐하면"}},
    },
)
EVENTS = [
    events.message("D1", "U1", "안녕", thread_ts=TS),
    events.app_home_opened("U1", "D1", "messages"),
    events.agent_session_stopped("C1", TS, "U1", [TS]),
    {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}},
]
PRESSES = [*map(press, (VOTE_ACTION, STOP_ACTION, ERASE_ACTION, "unknown")), FORM]


def places(document: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values in nested objects and lists."""
    if isinstance(document, dict):
        inner = list(document.items())
    else:
        inner = list(enumerate(document)) if isinstance(document, list) else []
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(document: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """A copy with another value at the path, or without one."""
    copied = copy.deepcopy(document)
    holder: Any = copied
    for key in path[:-1]:
        holder = holder[key]
    if value is ABSENT:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return copied


async def receive(endpoint: SlackEndpoint, fields: dict[str, Any]) -> int:
    status, _, _ = await endpoint.receive(fields, datetime.now(UTC), {})
    return status


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
async def test_every_shape_of_an_event_is_acknowledged(
    endpoint: SlackEndpoint, event: dict[str, Any]
) -> None:
    body = events.event_callback({name: event[name] for name in event if name != "blocks"})
    for path in places(body):
        for value in ODD:
            document = changed(body, path, value)
            if not isinstance(document.get("type"), str):
                with pytest.raises(Refusal):
                    event_fields(document)
                continue
            fields = event_fields(document)
            assert await receive(endpoint, fields) == 200, (path, repr(value)[:40])


@pytest.mark.parametrize("payload", PRESSES, ids=["vote", "stop", "erase", "unknown", "form"])
async def test_every_shape_of_a_press_or_a_form_is_acknowledged(
    endpoint: SlackEndpoint, payload: dict[str, Any]
) -> None:
    for path in places(payload):
        for value in ODD:
            fields = press_fields(changed(payload, path, value))
            assert await receive(endpoint, fields) == 200, (path, repr(value)[:40])


@pytest.mark.parametrize("kind", ["view_submission", "view_closed"])
@pytest.mark.parametrize("view", ["modal", "home", "workflow_step", "entity_detail", "new_one"])
async def test_views_of_every_type_are_acknowledged(
    endpoint: SlackEndpoint, kind: str, view: str
) -> None:
    for callback in (REASON_VIEW, "another"):
        shown = {**FORM["view"], "type": view, "callback_id": callback}
        payload = {**FORM, "type": kind, "view": shown, "workflow_step": {"step_id": "1"}}
        assert await receive(endpoint, press_fields(payload)) == 200


async def test_ids_are_not_looked_for_in_the_depth(endpoint: SlackEndpoint) -> None:
    deep = nested(900)
    body = events.event_callback({**EVENTS[0], **deep})
    assert await receive(endpoint, event_fields({**body, "authorizations": [deep]})) == 200
    odd = dict.fromkeys(("team", "user", "channel", "message", "container", "view"), deep)
    assert await receive(endpoint, press_fields({**PRESSES[0], **odd})) == 200
