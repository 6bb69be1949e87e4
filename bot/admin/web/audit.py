"""What the views write into the audit log: the user, the address, and the act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web

from bot.admin.login.identity import USER
from bot.domain.audit import AuditAction, AuditEntry
from bot.http.client_address import client_address
from bot.privacy.audit_trail import AuditTrail
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

TRAIL = web.AppKey("TRAIL", AuditTrail)
#: Whether X-Forwarded-For is a proxy's own.
BEHIND_PROXY = web.AppKey("BEHIND_PROXY", bool)


def entry(
    request: web.Request,
    action: AuditAction,
    about: str = "",
    *,
    actor: str | None = None,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """The entry of an act by the request's user.

    ``about``: the object, such as ``conversation:12``. ``actor``: where nobody is logged in yet.
    ``details``: names, counts and pseudonyms; never people's words.
    """
    address = client_address(request, behind_proxy=request.app[BEHIND_PROXY])
    return AuditEntry(
        actor=request[USER].name if actor is None else actor,
        action=action,
        object=about,
        reason=reason,
        details=details or {},
        address=str(address or ""),
    )


async def record(
    request: web.Request,
    action: AuditAction,
    about: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Commit an entry of its own, before what was read is shown. Raises DATABASE_ERRORS."""
    await request.app[TRAIL].record(entry(request, action, about, details=details))


async def try_to_record(entry: AuditEntry, trail: AuditTrail) -> None:
    """Commit an entry, or log that Postgres is gone: a refusal must not become an error."""
    try:
        await trail.record(entry)
    except DATABASE_ERRORS as error:
        log.warning("audit_not_stored", action=entry.action, error=type(error).__name__)
