"""Messages on their way through bolt."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.conversation.inbox import StoreDownError
from bot.messengers.slack.bolt import bolt_app, dispatch
from bot.messengers.slack.messages_first import MessagesFirst
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulated_events import app_home_opened, event_callback, message
from bot.observability.metrics import UNKNOWN_REQUESTS


def app_with(received: list[str]) -> AsyncApp:
    async def receive(event: dict[str, Any], body: dict[str, Any], _: AsyncBoltRequest) -> None:
        if event["text"] == "down":
            raise StoreDownError
        received.append(f"{body['team_id']}: {event['text']}")

    return bolt_app(SlackSettings(), MessagesFirst(receive))


def said(text: str) -> dict[str, Any]:
    return event_callback(message("D1", "U1", text), team_id="T1")


async def test_a_message_is_received_before_it_is_acknowledged() -> None:
    received: list[str] = []
    unknown = UNKNOWN_REQUESTS.labels("slack", "event")._value.get()
    assert (await dispatch(app_with(received), said("안녕")))[0] == 200
    assert received == ["T1: 안녕"]
    assert UNKNOWN_REQUESTS.labels("slack", "event")._value.get() == unknown


async def test_another_event_goes_on_to_its_listener() -> None:
    received: list[str] = []
    app = app_with(received)

    async def opened(event: dict[str, Any]) -> None:
        received.append(event["type"])

    app.event("app_home_opened")(opened)
    await dispatch(app, event_callback(app_home_opened("U1", "D1", "home")))
    assert received == ["app_home_opened"]


async def test_a_message_that_is_not_stored_is_not_acknowledged() -> None:
    with pytest.raises(StoreDownError):
        await dispatch(app_with([]), said("down"))
