"""What the forms of exports say, and the order that they place."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import structlog
from aiohttp import web

from bot.admin.exports.lists import ExportedList
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import MAX_REASON_CHARS
from bot.admin.web.language import chosen
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, PLACES
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.exports import ExportFormat
from bot.domain.turns import clean_text, has_visible
from bot.store import audit_log
from bot.store.exports import orders
from bot.store.exports.orders import Export, Order

log = structlog.get_logger(__name__)

#: Of the list's page: longer than any that its forms make.
MAX_QUERY_CHARS = 4000


async def place(
    request: web.Request,
    asked: ExportedList,
    wanted: ExportFormat,
    query: Mapping[str, str],
    reason: str,
) -> int | None:
    """Place the order and write it down; the export's id, or None: too many are open."""
    order = Order(
        author=request[USER].name,
        list=asked.name,
        query=urlencode(query),
        format=wanted,
        reason=reason,
        language=chosen(),
    )
    details = {"list": asked.name, "format": wanted.value, "terms": sorted(query)}
    async with request.app[DATABASE].begin() as connection:
        export_id = await orders.place(connection, order)
        if export_id is None:
            return None
        about = f"export:{export_id}"
        act = entry(request, AuditAction.EXPORT_ORDERED, about, reason=reason, details=details)
        await audit_log.append(connection, [act])
    log.info("export_ordered", export=export_id, list=asked.name, format=wanted.value)
    return export_id


def read_query(raw: str) -> dict[str, str]:
    """The search of a list's page, without the place in it."""
    pairs = parse_qsl(raw[:MAX_QUERY_CHARS], max_num_fields=50) if raw else []
    return {clean_text(name): clean_text(value) for name, value in pairs if name not in PLACES}


def read_reason(form: Mapping[str, str]) -> str:
    """The form's reason, cut where it is far too long; empty: nothing can be seen of it."""
    reason = clean_text(form.get("reason", ""))[:MAX_REASON_CHARS]
    return reason if has_visible(reason) else ""


async def find_export(request: web.Request) -> Export | None:
    """The export of the path; None: there is none, or it is not for the user."""
    export_id = whole_number(request.match_info["id"])
    if export_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        export = await orders.find(connection, export_id)
    user = request[USER]
    is_for_user = export and (export.author == user.name or user.role.includes(Role.ADMIN))
    return export if is_for_user else None
