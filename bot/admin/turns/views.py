"""The pages for operators who are logged in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web

from bot.admin.search.fields import DELIVERIES, all_fields
from bot.admin.search.query import Query
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.filters import FIELDS, BadCursor, Cursor, in_url, read_search
from bot.admin.turns.listing import Listing, list_items
from bot.admin.turns.queries import MAX_ID, before_for, find_position, read_conversation
from bot.admin.turns.rows import ConversationPage
from bot.admin.turns.view_models import TurnDetail, detail
from bot.admin.web import labels
from bot.admin.web.pages import DATABASE, error_page, page
from bot.privacy.masking import pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store import deliveries
from bot.store.search.saved import SavedSearch

log = structlog.get_logger(__name__)

#: The Korean name of each messenger, by its name in the tables.
MESSENGER_LABELS = web.AppKey("MESSENGER_LABELS", dict[str, str])

_BAD_CURSOR = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_NO_CONVERSATION = "해당 대화를 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."

_NO_TURN = "해당 질문을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
_NOT_DEAD = "이미 전달되었거나 다시 보내는 중인 답변입니다."


async def show_turns(request: web.Request) -> web.StreamResponse:
    """GET /admin/: the log of turns, newest first. A part that is unreadable is named, and 400."""
    raw_cursor = request.query.get("after", "")
    messengers = request.app[MESSENGER_LABELS]
    try:
        after = Cursor.parse(raw_cursor) if raw_cursor else None
    except BadCursor:
        return error_page(request, 400, _BAD_CURSOR)
    query = read_search(request.query, all_fields(messengers), datetime.now(UTC))
    found = await list_items(request.app[DATABASE], query, after, messengers)
    return _turns_page(request, found, query, await saved_of(request))


def _turns_page(
    request: web.Request, found: Listing, query: Query, saved: Sequence[SavedSearch]
) -> web.Response:
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "turns.html",
        400 if query.problems else 200,
        turns=found.items,
        asked={name: request.query.get(name, "") for name in FIELDS},
        older=in_url(request.query, after=str(found.after)) if found.after else "",
        newest=in_url(request.query) if "after" in request.query else None,
        reached=found.reached,
        problems=query.problems,
        query=str(query),
        saved=saved,
        fields=all_fields(messengers),
        messengers=messengers,
        statuses=labels.STATUSES,
        deliveries=DELIVERIES,
    )


async def show_conversation(request: web.Request) -> web.StreamResponse:
    """GET /admin/conversations/{id}: consecutive turns of one conversation."""
    raw_before = request.query.get("before")
    before = _number(raw_before) if raw_before else None
    if raw_before is not None and before is None:
        return error_page(request, 400, _BAD_CURSOR)
    number = _number(request.match_info["id"])
    if number is None:
        return error_page(request, 404, _NO_CONVERSATION)
    found = await read_conversation(request.app[DATABASE], number, before)
    if found is None:
        return error_page(request, 404, _NO_CONVERSATION)
    messenger_labels = request.app[MESSENGER_LABELS]
    context = await run_masking(lambda: _conversation_context(found, messenger_labels))
    return page(request, "conversation.html", **context)


async def send_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/turns/{id}/send-again: make a dead letter pending again."""
    database = request.app[DATABASE]
    try:
        turn_id = UUID(request.match_info["id"])
    except ValueError:
        return error_page(request, 404, _NO_TURN)
    position = await find_position(database, turn_id)
    if position is None:
        return error_page(request, 404, _NO_TURN)
    async with database.begin() as connection:
        again = await deliveries.send_again(connection, turn_id)
    if not again:
        return error_page(request, 409, _NOT_DEAD)
    log.info("turn_sent_again", turn_id=str(turn_id))
    page_url = request.app.router["conversation"].url_for(id=str(position.conversation_id))
    before = before_for(position.seq)
    raise web.HTTPSeeOther(page_url.with_query(before=before).with_fragment(f"turn-{turn_id}"))


def _conversation_context(
    found: ConversationPage, messenger_labels: dict[str, str]
) -> dict[str, Any]:
    conversation = found.conversation
    return {
        "id": conversation.id,
        "messenger": messenger_labels.get(conversation.messenger, conversation.messenger),
        "room": pseudonym(conversation.messenger, conversation.tenant, conversation.key),
        "created_at": conversation.created_at,
        "total": conversation.last_seq,
        "turns": _details(found, messenger_labels),
        "older": found.older,
        "newer": found.newer,
    }


def _details(found: ConversationPage, messenger_labels: dict[str, str]) -> list[TurnDetail]:
    epochs_above = [found.epoch_above, *(row.epoch for row in found.turns)]
    return [
        detail(row, epoch, found.attempts.get(row.id, ()), messenger_labels)
        for row, epoch in zip(found.turns, epochs_above, strict=False)
    ]


def _number(raw: str) -> int | None:
    """A BIGINT, or None."""
    if not raw.isascii() or not raw.isdecimal() or len(raw) > 19:
        return None
    return number if (number := int(raw)) <= MAX_ID else None
