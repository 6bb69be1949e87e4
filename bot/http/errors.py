"""The middleware of webhooks: refusals as HTTP responses, every request counted."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from bot.domain.messenger import Refusal
from bot.observability.metrics import WEBHOOKS

log = structlog.get_logger(__name__)

#: Far above any genuine webhook (kakao.md 1.4).
MAX_BODY_BYTES = 1024 * 1024

#: Errors of a body that was not read to its end; the connection is closed after them.
_UNREAD = {
    400: "the body cannot be read",
    408: "the body is too slow",
    413: "the body is too large",
}


@web.middleware
async def refuse(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer a webhook's refusals with status and reason, and count every webhook."""
    messenger, status = _messenger(request), 500
    try:
        response: web.StreamResponse = await handler(request)
        status = response.status
    except Refusal as refusal:
        log.warning("webhook_refused", messenger=messenger, reason=refusal.reason)
        status = refusal.status
        response = web.json_response({"error": refusal.reason}, status=status)
    except web.HTTPException as error:
        status = error.status
        if not messenger or status not in _UNREAD:
            raise
        response = web.json_response({"error": _UNREAD[status]}, status=status)
        response.force_close()
    finally:
        if messenger:
            WEBHOOKS.labels(messenger, status).inc()
    return response


def _messenger(request: web.Request) -> str:
    """The messenger of the webhook's route; "" for every other path."""
    resource = request.match_info.route.resource
    path = resource.canonical if resource else ""
    return path.split("/")[2] if path.startswith("/webhooks/") else ""
