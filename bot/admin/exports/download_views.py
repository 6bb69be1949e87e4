"""The download of an exported file, part by part."""

from __future__ import annotations

from aiohttp import web

from bot.admin.exports.formats import FORMATS
from bot.admin.exports.ordering import find_export
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import TRAIL, entry
from bot.admin.web.downloads import FileGoneError, cut_on_failure
from bot.admin.web.labels import KST
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.exports import ExportState
from bot.store.exports import progress
from bot.store.exports.orders import Export

NO_EXPORT = "해당 내보내기를 찾을 수 없습니다."
_NO_FILE = "받을 파일이 없습니다."


@needs(Role.REVIEWER)
async def download(request: web.Request) -> web.StreamResponse:
    """POST /admin/exports/{id}/download: the file, for its author, written down first."""
    export = await find_export(request)
    if export is None or export.author != request[USER].name:
        return error_page(request, 404, _(NO_EXPORT))
    if export.state != ExportState.DONE:
        return error_page(request, 404, _(_NO_FILE))
    details = {"list": export.list, "format": export.format, "rows": export.rows}
    act = entry(
        request, AuditAction.EXPORT_DOWNLOADED, f"export:{export.id}",
        reason=export.reason, details=details,
    )  # fmt: skip
    await request.app[TRAIL].record(act)
    return await _stream(request, export)


async def _stream(request: web.Request, export: Export) -> web.StreamResponse:
    """The parts of the file, each read as the one before it is sent."""
    made_at = export.created_at.astimezone(KST)
    name = f"{export.list.replace('_', '-')}-{made_at:%Y%m%d-%H%M%S}.{export.format}"
    response = web.StreamResponse()
    response.content_type = FORMATS[export.format].content_type
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.content_length = export.bytes
    await response.prepare(request)
    with cut_on_failure(request):
        await _send(request, export, response)
    return response


async def _send(request: web.Request, export: Export, response: web.StreamResponse) -> None:
    """Raises FileGoneError where an erasure or its author deletes the file meanwhile."""
    part, left = 0, export.bytes
    while (data := await _part(request, export, part)) is not None:
        await response.write(data)
        part, left = part + 1, left - len(data)
    if left:
        raise FileGoneError
    await response.write_eof()


async def _part(request: web.Request, export: Export, part: int) -> bytes | None:
    async with request.app[DATABASE].connect() as connection:
        return await progress.read_part(connection, export.id, part, of_file=True)
