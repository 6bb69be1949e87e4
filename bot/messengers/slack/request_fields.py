"""Slack's requests, reduced to what the listeners read: bolt's own code stumbles over the rest.

A field that is absent here reaches nobody. Bolt looks for ids in nested objects, at any depth, and
takes every value that it finds for a text or an object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.messenger import Refusal
from bot.messengers.slack.ids import field

_EVENT_BODY = (
    "type",
    "team_id",
    "enterprise_id",
    "api_app_id",
    "event",
    "event_id",
    "event_time",
    "authorizations",
)
_EVENT = (
    "type",
    "subtype",
    "channel",
    "channel_type",
    "user",
    "ts",
    "thread_ts",
    "text",
    "bot_id",
    "hidden",
    "edited",
    "files",
    "tab",
    "tokens",
)
_AUTHORIZATION = ("enterprise_id", "team_id", "user_id", "is_bot", "is_enterprise_install")
_PRESS = (
    "type",
    "team",
    "enterprise",
    "user",
    "api_app_id",
    "channel",
    "container",
    "message",
    "actions",
    "trigger_id",
    "response_url",
    "view",
)
_PRESS_OBJECTS = {
    "team": ("id", "enterprise_id"),
    "enterprise": ("id",),
    "user": ("id", "team_id"),
    "channel": ("id",),
    "container": ("channel_id", "thread_ts"),
    "message": ("thread_ts",),
    "view": ("type", "callback_id", "private_metadata", "state", "app_installed_team_id"),
}
#: Ids that bolt reads: a value of another kind counts as absent.
_IDS = ("channel", "user", "thread_ts")


def event_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The event for bolt. Raises Refusal(400)."""
    kind, challenge = document.get("type"), document.get("challenge")
    if not isinstance(kind, str):
        raise Refusal(400, "an event needs a type")
    if kind == "url_verification":
        if not isinstance(challenge, str):
            raise Refusal(400, "a url_verification needs a challenge")
        return {"type": kind, "challenge": challenge}
    fields = _chosen(document, _EVENT_BODY)
    granted = fields.pop("authorizations", None)
    first = granted[0] if isinstance(granted, list) and granted else None
    if isinstance(first, dict):
        fields["authorizations"] = [_chosen(first, _AUTHORIZATION)]
    event = document.get("event")
    if isinstance(event, dict):
        own = _chosen(event, _EVENT)
        odd = [name for name in _IDS if not isinstance(own.get(name), str)]
        fields["event"] = {name: value for name, value in own.items() if name not in odd}
    return fields


def press_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A press or a form for bolt: a part of another kind than Slack's counts as absent."""
    fields = _chosen(payload, _PRESS)
    for name, inner in _PRESS_OBJECTS.items():
        part = fields.pop(name, None)
        if isinstance(part, dict):
            fields[name] = _chosen(part, inner)
    return fields


def is_known(fields: Mapping[str, Any]) -> bool:
    """Whether bolt can read the request; it stumbles over others."""
    kind = fields.get("type")
    if kind == "event_callback":
        return isinstance(field(fields.get("event"), "type"), str)
    if kind == "block_actions":
        actions = fields.get("actions")
        first = actions[0] if isinstance(actions, list) and actions else None
        return isinstance(field(first, "action_id"), str)
    if kind in ("view_submission", "view_closed"):
        view = fields.get("view")
        # Views of other types, such as "workflow_step", are nobody's here.
        return field(view, "type") == "modal" and isinstance(field(view, "callback_id"), str)
    return kind == "url_verification" or fields.get("ssl_check") == "1"


def _chosen(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: document[name] for name in names if name in document}
