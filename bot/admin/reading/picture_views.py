"""A person's picture, where operators keep them: for those who read its conversation unmasked."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.turns.queries import find_position, read_only
from bot.admin.unmasking.unmasked import ROLE, UNMASKED
from bot.admin.web.audit import record
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.store.turn_pictures import find_kept
from inference_queue.protocol import MAX_PICTURES, MEDIA_TYPES

_NO_PICTURE = "해당 사진을 찾을 수 없습니다. 보관 기간이 지났거나 삭제되었을 수 있습니다."
_MASKED = "사진은 가려져 있습니다. 대화에서 사유를 적고 개인정보를 표시한 뒤에 볼 수 있습니다."


@needs(ROLE)
async def show_picture(request: web.Request) -> web.StreamResponse:
    """GET /admin/turns/{id}/pictures/{number}: the picture itself, written down in the audit log.

    404 where it is not kept, 403 while its conversation is masked for this session.
    """
    turn_id, position = _place(request)
    found = await find_position(request.app[DATABASE], turn_id) if turn_id else None
    if turn_id is None or found is None or position is None:
        return error_page(request, 404, _(_NO_PICTURE))
    if await request.app[UNMASKED].until(request, found.conversation_id) is None:
        return error_page(request, 403, _(_MASKED))
    async with read_only(request.app[DATABASE]) as connection:
        picture = await find_kept(connection, turn_id, position)
    if picture is None or picture.media_type not in MEDIA_TYPES:
        return error_page(request, 404, _(_NO_PICTURE))
    await record(request, AuditAction.PICTURE_READ, f"turn:{turn_id}", {"picture": position + 1})
    return web.Response(body=picture.content, content_type=picture.media_type)


def _place(request: web.Request) -> tuple[UUID | None, int | None]:
    """The turn, and the picture's place in it, which the address counts from 1."""
    numbers = {str(number): number - 1 for number in range(1, MAX_PICTURES + 1)}
    position = numbers.get(request.match_info["number"])
    try:
        return UUID(request.match_info["id"]), position
    except ValueError:
        return None, position
