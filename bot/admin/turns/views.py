"""The pages for operators who are logged in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.search.fields import DELIVERIES, all_fields
from bot.admin.search.query import Query
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.filters import FIELDS, BadCursor, Cursor, read_search
from bot.admin.turns.listing import Listing, list_items
from bot.admin.turns.queries import before_for, find_position
from bot.admin.web import labels
from bot.admin.web.addresses import in_url
from bot.admin.web.audit import entry, record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, deliveries
from bot.store.search.saved import SavedSearch

log = structlog.get_logger(__name__)

#: The Korean name of each messenger, by its name in the tables.
MESSENGER_LABELS = web.AppKey("MESSENGER_LABELS", dict[str, str])

_BAD_CURSOR = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_NO_TURN = "해당 질문을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
_NOT_DEAD = "이미 전달되었거나 다시 보내는 중인 답변입니다."


@needs(Role.VIEWER)
async def show_turns(request: web.Request) -> web.StreamResponse:
    """GET /admin/: the log of turns, newest first. A part that is unreadable is named, and 400."""
    raw_cursor = request.query.get("after", "")
    messengers = request.app[MESSENGER_LABELS]
    try:
        after = Cursor.parse(raw_cursor) if raw_cursor else None
    except BadCursor:
        return error_page(request, 400, _(_BAD_CURSOR))
    query = read_search(request.query, all_fields(messengers), datetime.now(UTC))
    found = await list_items(request.app[DATABASE], query, after, messengers)
    await _record_list(request, query, found)
    return _turns_page(request, found, query, await saved_of(request))


#: Fields whose values may stand in the audit log: they are chosen from lists, or are dates.
_LOGGED_VALUES = {"messenger", "status", "delivery", "feedback", "failure", "finish", "date"}


async def _record_list(request: web.Request, query: Query, found: Listing) -> None:
    """Write down who read whose turns; of a search that there was one, not its words."""
    terms = [str(t) if t.field in _LOGGED_VALUES else t.field for t in query.terms]
    details = {
        "terms": list(dict.fromkeys(terms)),
        "searched": bool(query.words),
        "turns": len(found.items),
        "people": sorted({item.summary.sender for item in found.items}),
    }
    await record(request, AuditAction.TURNS_READ, details=details)


def _turns_page(
    request: web.Request, found: Listing, query: Query, saved: Sequence[SavedSearch]
) -> web.Response:
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    return page(
        request,
        "turns.html",
        400 if query.problems else 200,
        turns=found.items,
        asked={name: request.query.get(name, "") for name in FIELDS},
        older=in_url(request.query, FIELDS, after=str(found.after)) if found.after else "",
        newest=in_url(request.query, FIELDS) if "after" in request.query else None,
        reached=found.reached,
        problems=query.problems,
        query=str(query),
        saved=saved,
        fields=all_fields(messengers),
        messengers=labels.translated(messengers),
        statuses=labels.translated(labels.STATUSES),
        deliveries=labels.translated(DELIVERIES),
    )


@needs(Role.ADMIN)
async def send_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/turns/{id}/send-again: make a dead letter pending again."""
    database = request.app[DATABASE]
    try:
        turn_id = UUID(request.match_info["id"])
    except ValueError:
        return error_page(request, 404, _(_NO_TURN))
    position = await find_position(database, turn_id)
    if position is None:
        return error_page(request, 404, _(_NO_TURN))
    async with database.begin() as connection:
        again = await deliveries.send_again(connection, turn_id)
        if again:
            sent = entry(request, AuditAction.TURN_SENT_AGAIN, f"turn:{turn_id}")
            await audit_log.append(connection, [sent])
    if not again:
        return error_page(request, 409, _(_NOT_DEAD))
    log.info("turn_sent_again", turn_id=str(turn_id))
    page_url = request.app.router["conversation"].url_for(id=str(position.conversation_id))
    before = before_for(position.seq)
    raise web.HTTPSeeOther(page_url.with_query(before=before).with_fragment(f"turn-{turn_id}"))
