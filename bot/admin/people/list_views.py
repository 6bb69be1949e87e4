"""Blocked people, and the receipts of erasures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.reading.parts import KEYS
from bot.admin.turns.filters import BadCursor, Cursor
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry, record
from bot.admin.web.forms import read_form, read_reason
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.store import audit_log, blocked_people, erasure_orders
from bot.store.blocked_people import BlockedPerson

PAGE_SIZE = 40
MAX_OPEN = 10
_BAD_CURSOR = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
#: Of ``Person.key``.
_DIGEST = re.compile(r"[0-9a-f]{32}")


@needs(Role.ADMIN)
async def show_blocked(request: web.Request) -> web.StreamResponse:
    """GET /admin/blocked: the blocked people, newest first."""
    try:
        after = _cursor(request)
    except BadCursor:
        return error_page(request, 400, _(_BAD_CURSOR))
    place = (after.received_at, after.id.hex) if after else None
    async with request.app[DATABASE].connect() as connection:
        found = await blocked_people.newest(connection, place, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    await record(
        request, AuditAction.BLOCKED_READ, details={"people": sorted(one.name for one in shown)}
    )
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "blocked.html",
        people=shown,
        keys={one.person: _key(request, one) for one in shown},
        messengers=labels.translated(messengers),
        first=after is not None,
        after=_next(found, shown[-1].blocked_at, UUID(shown[-1].person)) if shown else "",
    )


@needs(Role.ADMIN)
async def unblock(request: web.Request) -> web.StreamResponse:
    """POST /admin/blocked/unblock: also of a person who was erased."""
    person = (await read_form(request)).get("person", "")
    if not _DIGEST.fullmatch(person):
        raise web.HTTPBadRequest
    async with request.app[DATABASE].begin() as connection:
        found = await blocked_people.unblock(connection, person)
        if found:
            done = entry(
                request,
                AuditAction.PERSON_UNBLOCKED,
                f"person:{found.name}",
                reason=await read_reason(request),
                details={"people": [found.name]},
            )
            await audit_log.append(connection, [done])
    if found is None:
        return error_page(request, 404, _("차단되어 있지 않은 사용자입니다."))
    raise web.HTTPSeeOther(request.app.router["blocked"].url_for())


@needs(Role.ADMIN)
async def show_erasures(request: web.Request) -> web.StreamResponse:
    """GET /admin/erasures: the erasures that go on, and the receipts, newest first."""
    try:
        after = _cursor(request)
    except BadCursor:
        return error_page(request, 400, _(_BAD_CURSOR))
    async with request.app[DATABASE].connect() as connection:
        orders = await erasure_orders.open_orders(connection, limit=MAX_OPEN)
        place = (after.received_at, after.id) if after else None
        found = await erasure_orders.receipts(connection, place, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "erasures.html",
        orders=orders,
        receipts=shown,
        messengers=labels.translated(messengers),
        first=after is not None,
        after=_next(found, shown[-1].erased_at, shown[-1].id) if shown else "",
    )


@needs(Role.ADMIN)
async def show_receipt(request: web.Request) -> web.StreamResponse:
    """GET /admin/erasures/{id}: one receipt, to be printed."""
    try:
        receipt_id = UUID(request.match_info["id"])
    except ValueError:
        raise web.HTTPNotFound from None
    async with request.app[DATABASE].connect() as connection:
        receipt = await erasure_orders.find_receipt(connection, receipt_id)
    if receipt is None:
        raise web.HTTPNotFound
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "receipt.html",
        receipt=receipt,
        messenger=labels.label(receipt.messenger, messengers),
        counted=[
            (_(label), receipt.counts[name])
            for name, label in COUNTS.items()
            if name in receipt.counts
        ],
    )


#: What an erasure deletes, as its receipt names it.
COUNTS = {
    "turns": "질문과 답변",
    "conversations": "대화",
    "jobs": "진행 중이던 작업",
    "quotes": "다른 사람 질문 속의 인용",
    "votes": "남긴 평가",
    "installations": "앱 설치 기록",
    "searches": "저장된 검색",
    "items": "학습 데이터 항목",
    "exports": "내보낸 파일",
}


def _key(request: web.Request, one: BlockedPerson) -> str:
    """The key of the person's pages; empty: the person was erased."""
    if not one.sender:
        return ""
    person = Person(messenger=one.messenger, tenant=one.tenant, sender=one.sender)
    return request.app[KEYS].of_person(person)


def _cursor(request: web.Request) -> Cursor | None:
    """The place of the page. Raises BadCursor."""
    raw = request.query.get("after", "")
    return Cursor.parse(raw) if raw else None


def _next(found: Sequence[object], at: datetime, last_id: UUID) -> str:
    """The place of the next page; empty: there is none."""
    return str(Cursor(at, last_id)) if len(found) > PAGE_SIZE else ""
