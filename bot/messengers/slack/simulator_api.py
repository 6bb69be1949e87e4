"""``POST /simulator/slack/api/{method}``: Slack's Web API for the bot of the local run."""

from __future__ import annotations

import hmac
from typing import Any

from aiohttp import web

from bot.messengers.slack.simulated_workspace.arguments import parse_arguments
from bot.messengers.slack.simulated_workspace.method import ApiReply
from bot.messengers.slack.simulator_visitors import PlatformState, Visitor, Visitors
from bot.simulator.messages import read_bounded

MAX_CALL_BYTES = 512 * 1024
RETRY_AFTER_S = 3
_RATE_LIMITED = ApiReply(
    document={"ok": False, "error": "ratelimited"},
    status=429,
    headers={"Retry-After": str(RETRY_AFTER_S)},
)
_SERVER_ERROR = ApiReply(document={"ok": False, "error": "internal_error"}, status=500)


class SimulatedWebApi:
    """Answers the bot's calls, or fails as the person on the page wants it to."""

    def __init__(self, visitors: Visitors, token: str) -> None:
        self._visitors = visitors
        self._token = token

    async def handle(self, request: web.Request) -> web.Response:
        """HTTP 200 with ``ok``; 429 or 500 as the person chose; 403 without the bot's token."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._token or not hmac.compare_digest(bearer.encode(), self._token.encode()):
            raise web.HTTPForbidden(text="only the bot calls this")
        raw = await read_bounded(request, MAX_CALL_BYTES)
        try:
            values = parse_arguments(request.content_type, raw)
        except ValueError:
            return web.json_response({"ok": False, "error": "invalid_json"})
        method = request.match_info["method"]
        visitor = self._visitors.concerned(values)
        state = visitor.platform if visitor else PlatformState.WORKS
        if state is PlatformState.RATE_LIMITED:
            reply = _RATE_LIMITED
        elif state is PlatformState.SERVER_ERROR:
            reply = _SERVER_ERROR
        else:
            reply = self._visitors.workspace.call(method, values, bearer)
        if visitor is not None and not reply.document.get("ok"):
            self._show_refusal(visitor, method, values, reply)
        if state is PlatformState.CUT and request.transport is not None:
            request.transport.abort()
        return web.json_response(reply.document, status=reply.status, headers=reply.headers)

    def _show_refusal(
        self, visitor: Visitor, method: str, values: dict[str, Any], reply: ApiReply
    ) -> None:
        room_id = str(values.get("channel") or values.get("channel_id") or "")
        room = self._visitors.workspace.directory.rooms.get(room_id)
        named = str(values.get("thread_ts") or values.get("ts") or "")
        message = room.messages.get(named) if room else None
        visitor.page.show(
            "refused",
            surface=visitor.surface(room_id),
            thread_ts=message.root_ts if message else "",
            method=method,
            error=str(reply.document.get("error", "")),
            status=reply.status,
        )
