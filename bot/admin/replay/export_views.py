"""The download of a replay with its votes."""

from __future__ import annotations

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.replay.exported import FORMATS, exported_rows
from bot.admin.replay.views import NO_REPLAY, find_replay, may_know
from bot.admin.web.audit import record
from bot.admin.web.downloads import cut_on_failure
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking import pseudonym
from bot.store.replays import votes

_BLIND = "투표를 마치고 결과를 본 뒤에 내려받을 수 있습니다."
_BAD_FORMAT = "알 수 없는 조건입니다. 목록에서 골라 주세요."


@needs(Role.REVIEWER)
async def export(request: web.Request) -> web.StreamResponse:
    """GET /admin/replays/{id}/export: every pair with its votes, as ``format`` csv or jsonl."""
    replay = await find_replay(request)
    if replay is None:
        return error_page(request, 404, _(NO_REPLAY))
    chosen = request.query.get("format", "csv")
    if chosen not in FORMATS:
        return error_page(request, 400, _(_BAD_FORMAT))
    if not await may_know(request, replay.id):
        return error_page(request, 409, _(_BLIND))
    async with request.app[DATABASE].connect() as connection:
        people = await votes.people_of(connection, replay.id)
    names = sorted(pseudonym(one.messenger, one.tenant, one.sender) for one in people)
    details = {"format": chosen, "people": names}
    await record(request, AuditAction.REPLAY_EXPORTED, f"replay:{replay.id}", details)
    content_type, head, lines = FORMATS[chosen]
    response = web.StreamResponse()
    response.content_type, response.charset = content_type, "utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="replay-{replay.id}.{chosen}"'
    await response.prepare(request)
    with cut_on_failure(request):
        await response.write(head.encode())
        async for rows in exported_rows(request.app[DATABASE], replay.id):
            await response.write(lines(rows).encode("utf-8", "replace"))
        await response.write_eof()
    return response
