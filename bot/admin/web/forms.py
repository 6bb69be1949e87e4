"""The forms of pages, as they are posted."""

from __future__ import annotations

from aiohttp import web

from bot.admin.login.access import rule_for
from bot.domain.turns import clean_text
from bot.http.body import read_body

MAX_FORM_BYTES = 16 * 1024
#: The reason for an act, in the audit log.
MAX_REASON_CHARS = 200


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a URL-encoded form in UTF-8; raises HTTPException for any other body."""
    # Of the many other charsets some take quadratic time to decode.
    is_utf8 = (request.charset or "utf-8").lower() == "utf-8"
    if request.content_type != "application/x-www-form-urlencoded" or not is_utf8:
        raise web.HTTPUnsupportedMediaType
    if request.content_length is None:
        raise web.HTTPLengthRequired
    max_bytes = _max_bytes(request)
    if request.content_length > max_bytes:
        raise web.HTTPRequestEntityTooLarge(max_bytes, request.content_length)
    await read_body(request)
    try:
        fields = await request.post()
    except (ValueError, LookupError):
        raise web.HTTPBadRequest from None
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def read_reason(request: web.Request) -> str:
    """The form's reason, cut where it is far too long."""
    return clean_text((await read_form(request)).get("reason", ""))[:MAX_REASON_CHARS]


def _max_bytes(request: web.Request) -> int:
    rule = rule_for(request.match_info.handler)
    return (rule and rule.max_form_bytes) or MAX_FORM_BYTES
