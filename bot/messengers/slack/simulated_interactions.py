"""Presses and modals as Slack's interactivity sends them: for the simulator and the stand-ins."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import urlencode

from bot.messengers.slack.simulated_events import APP_ID, new_ts
from bot.messengers.slack.simulated_requests import TEAM_ID, signature_headers


def block_actions(
    user: str,
    action: dict[str, Any],
    *,
    channel: str = "",
    message: dict[str, Any] | None = None,
    view: dict[str, Any] | None = None,
    trigger_id: str = "",
    response_url: str = "",
    team_id: str = TEAM_ID,
) -> dict[str, Any]:
    """A press in a message of a channel, or in a view."""
    payload = _payload("block_actions", user, team_id)
    payload |= {"trigger_id": trigger_id or new_trigger_id(), "actions": [action]}
    if message is None:
        shown = view or {}
        return {
            **payload,
            "view": shown,
            "container": {"type": "view", "view_id": shown.get("id", "")},
        }
    return {
        **payload,
        "channel": {"id": channel, "name": channel.lower()},
        "message": message,
        "response_url": response_url,
        "container": {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel,
            "is_ephemeral": False,
            **({"thread_ts": message["thread_ts"]} if "thread_ts" in message else {}),
        },
    }


def button_action(element: dict[str, Any], value: str = "", block_id: str = "") -> dict[str, Any]:
    """The action of a pressed element; ``value``: of feedback_buttons, that of one of the two."""
    kind = str(element["type"])
    action = {
        "type": kind,
        "action_id": element.get("action_id", secrets.token_hex(3)),
        "block_id": block_id or secrets.token_hex(3),
        "value": value or element.get("value", ""),
        "action_ts": new_ts(),
    }
    return {**action, "text": element["text"]} if "text" in element else action


def view_submission(
    user: str, view: dict[str, Any], values: dict[str, Any], *, team_id: str = TEAM_ID
) -> dict[str, Any]:
    """A person presses a modal's submit; ``values``: by block_id and action_id."""
    filled = {**view, "state": {"values": values}}
    payload = _payload("view_submission", user, team_id)
    return {**payload, "trigger_id": new_trigger_id(), "view": filled, "response_urls": []}


def view_closed(
    user: str, view: dict[str, Any], *, is_cleared: bool = False, team_id: str = TEAM_ID
) -> dict[str, Any]:
    """A person closes a modal whose ``notify_on_close`` is true."""
    return {**_payload("view_closed", user, team_id), "view": view, "is_cleared": is_cleared}


def signed_interaction(
    secret: str, payload: dict[str, Any], *, timestamp: int | None = None
) -> tuple[bytes, dict[str, str]]:
    """An interaction ready to send: the form with ``payload`` and its signed headers."""
    body = urlencode({"payload": json.dumps(payload, ensure_ascii=False)}).encode()
    return body, signature_headers(secret, body, timestamp)


def new_trigger_id() -> str:
    """A trigger_id that no workspace knows."""
    numbers = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}"
    return f"{numbers}.{secrets.token_hex(16)}"


def _payload(kind: str, user: str, team_id: str) -> dict[str, Any]:
    return {
        "type": kind,
        "team": {"id": team_id, "domain": "bllossom-demo"},
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": team_id},
        "api_app_id": APP_ID,
        "token": "simulated-verification-token",
        "enterprise": None,
        "is_enterprise_install": False,
    }
