"""Reasons that an act needs; they stand in the audit log."""

from __future__ import annotations

from aiohttp import web

from bot.admin.web.forms import read_reason

#: Letters and digits of a reason.
_MIN_CHARS = 2


async def read_required_reason(request: web.Request) -> str | None:
    """The form's reason; None where it says nothing."""
    reason = await read_reason(request)
    return reason if sum(map(str.isalnum, reason)) >= _MIN_CHARS else None
