"""The file of everything that is kept of a person, streamed as it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.access import needs
from bot.admin.people.subject import Subject
from bot.admin.people.views import NO_REASON
from bot.admin.web.audit import TRAIL
from bot.admin.web.downloads import cut_on_failure
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.admin.web.reasons import read_required_reason
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.store import person_data
from bot.store.person_data import BEGINNING, SECTIONS, Section

#: At once in a bot, so that downloads leave its connections to others.
MAX_DOWNLOADS = 2
#: A browser that takes nothing for so long is gone.
WRITE_S = 60.0

DOWNLOADS = web.AppKey("DOWNLOADS", asyncio.Semaphore)


@needs(Role.ADMIN, keeps_text=True)
async def download(request: web.Request) -> web.StreamResponse:
    """POST /admin/people/{key}/download: a JSON file in UTF-8, unmasked."""
    subject, reason = Subject.of(request), await read_required_reason(request)
    if reason is None:
        return error_page(request, 400, _(NO_REASON))
    downloads = request.app[DOWNLOADS]
    if downloads.locked():
        return error_page(request, 409, _("다른 내려받기가 끝난 뒤에 다시 시도해 주세요."))
    async with downloads:
        told = subject.entry(request, AuditAction.PERSON_EXPORTED, reason=reason)
        await request.app[TRAIL].record(told)
        return await _stream(request, subject)


async def _stream(request: web.Request, subject: Subject) -> web.StreamResponse:
    made_at = datetime.now(UTC)
    name = f"person-{subject.name}-{made_at:%Y%m%d}.json"
    response = web.StreamResponse()
    response.content_type, response.charset = "application/json", "utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    await response.prepare(request)
    with cut_on_failure(request):
        async for part in _document(request.app[DATABASE], subject.person, made_at):
            await asyncio.wait_for(response.write(part.encode("utf-8", "replace")), WRITE_S)
        await response.write_eof()
    return response


async def _document(database: AsyncEngine, person: Person, made_at: datetime) -> AsyncIterator[str]:
    head = {
        "messenger": person.messenger,
        "tenant": person.tenant,
        "sender": person.sender,
        "made_at": made_at.isoformat(),
    }
    yield json.dumps(head, ensure_ascii=False).removesuffix("}")
    for section in SECTIONS:
        yield f',\n"{section.name}": ['
        separator = "\n"
        async for record in _records(database, section, person):
            yield f"{separator}{record}"
            separator = ",\n"
        yield "]"
    yield "}\n"


async def _records(database: AsyncEngine, section: Section, person: Person) -> AsyncIterator[str]:
    place = BEGINNING
    while True:
        async with database.connect() as connection:
            found = await person_data.read_some(connection, section, person, place)
        for record in found:
            yield record.document
        if len(found) < person_data.BATCH:
            return
        place = found[-1].place
