"""Responses of the generic webhook: JSON, and refusals for the client and for the person."""

from __future__ import annotations

import functools
import json
from typing import Any

from aiohttp import web

from bot.text.catalog import Texts

#: The Retry-After of refused clients, in seconds.
RETRY_AFTER_S = "10"

json_response = functools.partial(
    web.json_response, dumps=functools.partial(json.dumps, ensure_ascii=False)
)


def refuse(status: int, reason: str, sentence: str) -> web.Response:
    """A refusal: ``reason`` for the client's programmer, ``sentence`` for the person."""
    headers = {"Retry-After": RETRY_AFTER_S} if status in (429, 503) else {}
    document: dict[str, Any] = {"error": reason, "message": sentence}
    return json_response(document, status=status, headers=headers)


def database_away(texts: Texts) -> web.Response:
    """503: the database is down, and the client may repeat the request."""
    return refuse(503, "the database does not answer", texts.storage_down)
