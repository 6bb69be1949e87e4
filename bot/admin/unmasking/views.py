"""Unmasking a conversation, and masking it again."""

from __future__ import annotations

from aiohttp import web
from aiohttp_session import get_session

from bot.admin.login.access import needs
from bot.admin.turns.queries import conversation_exists
from bot.admin.unmasking.unmasked import MINUTES, ROLE, UNMASKED
from bot.admin.web.audit import TRAIL, entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page
from bot.admin.web.reasons import read_required_reason
from bot.domain.audit import AuditAction

_NO_REASON = "개인정보를 보려면 사유를 적어 주세요. 사유는 접속기록에 남습니다."


@needs(ROLE, keeps_text=True)
async def unmask(request: web.Request) -> web.StreamResponse:
    """POST /admin/conversations/{id}/unmask: show people's data in it, to this session."""
    conversation_id = await _existing(request)
    reason = await read_required_reason(request)
    if reason is None:
        return error_page(request, 400, _(_NO_REASON))
    unmasked = entry(
        request,
        AuditAction.CONVERSATION_UNMASKED,
        f"conversation:{conversation_id}",
        reason=reason,
        details={"minutes": MINUTES},
    )
    await request.app[TRAIL].record(unmasked)
    request.app[UNMASKED].add(await get_session(request), conversation_id)
    raise await _back(request, conversation_id)


@needs(ROLE)
async def mask_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/conversations/{id}/mask: hide people's data before the time is over."""
    conversation_id = await _existing(request)
    request.app[UNMASKED].remove(await get_session(request), conversation_id)
    raise await _back(request, conversation_id)


async def _existing(request: web.Request) -> int:
    """The id in the address. Raises HTTPNotFound where there is no such conversation."""
    raw = request.match_info["id"]
    if not _is_number(raw) or not await conversation_exists(request.app[DATABASE], int(raw)):
        raise web.HTTPNotFound
    return int(raw)


async def _back(request: web.Request, conversation_id: int) -> web.HTTPSeeOther:
    """To the same turns of the conversation."""
    url = request.app.router["conversation"].url_for(id=str(conversation_id))
    form = await read_form(request)
    places = {name: raw for name in ("before", "after") if _is_number(raw := form.get(name, ""))}
    return web.HTTPSeeOther(url.with_query(places) if places else url)


def _is_number(raw: str) -> bool:
    return whole_number(raw) is not None
