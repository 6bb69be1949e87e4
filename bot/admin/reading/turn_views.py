"""The pages of one turn: what happened, what the model read, and what the request left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reading import prompt_page, text_page, turn_page
from bot.admin.reading.conversation_views import messenger_label, read_number
from bot.admin.reading.parts import DISPLAY, KEYS
from bot.admin.reading.request_page import request_facts
from bot.admin.turns.queries import before_for, find_position, read_only
from bot.admin.unmasking.unmasked import UNMASKED
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking import masking, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store.reading import turn as stored
from bot.store.reading.turn import ReadTurn

_NO_TURN = "해당 질문을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
_BAD_PLACE = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."


@needs(Role.VIEWER)
async def show_turn(request: web.Request) -> web.StreamResponse:
    """GET /admin/turns/{id}: a turn with its steps, its states in words and its facts."""
    turn_id = _turn_id(request)
    found = await turn_page.load(request.app[DATABASE], turn_id) if turn_id else None
    if found is None:
        return error_page(request, 404, _(_NO_TURN))
    display, keys, now = request.app[DISPLAY], request.app[KEYS], datetime.now(UTC)
    unmasked = await _is_unmasked(request, found.turn.conversation_id)
    with masking(on=not unmasked):
        shown = await run_masking(lambda: turn_page.compose(found, display, keys, now))
    await _record(request, AuditAction.TURN_READ, found.turn, unmasked=unmasked)
    return page(
        request,
        "turn.html",
        shown=shown,
        unmasked=unmasked,
        messenger=messenger_label(request, found.turn.messenger),
        before=before_for(found.turn.seq),
    )


@needs(Role.VIEWER)
async def show_prompt(request: web.Request) -> web.StreamResponse:
    """GET /admin/turns/{id}/prompt: the messages as the model read them."""
    first = read_number(request.query.get("from", "0"))
    if first is None:
        return error_page(request, 400, _(_BAD_PLACE))
    turn_id = _turn_id(request)
    found = await prompt_page.load(request.app[DATABASE], turn_id) if turn_id else None
    if found is None:
        return error_page(request, 404, _(_NO_TURN))
    unmasked = await _is_unmasked(request, found.turn.conversation_id)
    with masking(on=not unmasked):
        shown = await run_masking(lambda: prompt_page.compose(found, first))
    await _record(request, AuditAction.PROMPT_READ, found.turn, unmasked=unmasked)
    return page(request, "prompt.html", shown=shown, first=first)


@needs(Role.VIEWER)
async def show_text(request: web.Request) -> web.StreamResponse:
    """GET /admin/turns/{id}/texts/{name}: the whole of a text that other pages cut, in parts."""
    start, turn_id = read_number(request.query.get("from", "0")), _turn_id(request)
    name = request.match_info["name"]
    if start is None:
        return error_page(request, 400, _(_BAD_PLACE))
    text = await text_page.load(request.app[DATABASE], turn_id, name) if turn_id else None
    if text is None:
        return error_page(request, 404, _(_NO_TURN))
    position = await find_position(request.app[DATABASE], turn_id) if turn_id else None
    unmasked = position is not None and await _is_unmasked(request, position.conversation_id)
    with masking(on=not unmasked):
        shown = await run_masking(lambda: text_page.part_of(text, start))
    await record(request, AuditAction.TURN_READ, f"turn:{turn_id}", {"unmasked": unmasked})
    title = labels.label(name, text_page.NAMES)
    return page(request, "text.html", shown=shown, title=title, name=name, id=str(turn_id))


@needs(Role.ADMIN)
async def show_request(request: web.Request) -> web.StreamResponse:
    """GET /admin/turns/{id}/request: what the webhook's request left behind, without secrets."""
    turn_id, turn = _turn_id(request), None
    if turn_id:
        async with read_only(request.app[DATABASE]) as connection:
            turn = await stored.find_turn(connection, turn_id)
    if turn is None:
        return error_page(request, 404, _(_NO_TURN))
    unmasked = await _is_unmasked(request, turn.conversation_id)
    with masking(on=not unmasked):
        facts = await run_masking(lambda: request_facts(turn))
    await _record(request, AuditAction.REQUEST_READ, turn, unmasked=unmasked)
    return page(request, "request.html", facts=facts, id=str(turn_id))


async def _is_unmasked(request: web.Request, conversation_id: int) -> bool:
    """Whether the request's user may read the conversation's texts as they are."""
    return await request.app[UNMASKED].until(request, conversation_id) is not None


async def _record(
    request: web.Request, action: AuditAction, turn: ReadTurn, *, unmasked: bool = False
) -> None:
    people = [pseudonym(turn.messenger, turn.tenant, turn.sender)]
    await record(request, action, f"turn:{turn.id}", {"people": people, "unmasked": unmasked})


def _turn_id(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        return None
