"""The page of people whose words enter no data set. An admin records what they ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.exports.ordering import read_reason
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import BadPlaceError, cut
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym
from bot.store import audit_log
from bot.store.datasets import opt_outs
from bot.store.datasets.leaving import leave, leave_files
from bot.store.whole_turns import whole_turns

log = structlog.get_logger(__name__)

PAGE_SIZE = 50
#: A digest (``Person.key``).
_PERSON = re.compile(r"[0-9a-f]{32}")

_NO_TURN = (
    "그 턴 ID의 대화를 찾을 수 없습니다. 대화 페이지에서 그 사람의 질문에 있는 턴 ID를 옮겨 적어"
    " 주세요."
)
_NO_REASON = "누구의 요청인지 등 사유를 적어 주세요. 접속기록에 남습니다."
_KNOWN = "이미 학습에서 제외한 사람입니다."
_UNKNOWN = "학습 제외 목록에 없는 사람입니다."


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page of the list ends, in its URL."""

    at: datetime
    person: str

    def __str__(self) -> str:
        return f"{self.at.timestamp():.6f}-{self.person}"

    @classmethod
    def parse(cls, raw: str) -> _Place:
        """Raises ValueError for what ``str`` did not make."""
        seconds, _dash, person = raw.partition("-")
        if not _PERSON.fullmatch(person):
            raise ValueError(raw)
        return cls(datetime.fromtimestamp(float(seconds), UTC), person)


@needs(Role.ADMIN)
async def show_opt_outs(request: web.Request) -> web.StreamResponse:
    """GET /admin/opt-outs: people who are left out of training, newest first."""
    raw = request.query.get("before", "")
    try:
        place = _Place.parse(raw) if raw else None
    except (ValueError, OverflowError, OSError):
        raise BadPlaceError from None
    before = (place.at, place.person) if place else None
    async with request.app[DATABASE].connect() as connection:
        found = await opt_outs.newest(connection, before=before, limit=PAGE_SIZE + 1)
    shown, older = cut(found, PAGE_SIZE, lambda one: _Place(one.created_at, one.person))
    return page(
        request,
        "opt_outs.html",
        items=shown,
        older=older,
        is_first=not raw,
    )


@needs(Role.ADMIN, keeps_text=True)
async def record_opt_out(request: web.Request) -> web.StreamResponse:
    """POST /admin/opt-outs: leave a person out, by one of the person's turns."""
    form = await read_form(request)
    reason = read_reason(form)
    if not reason:
        return error_page(request, 400, _(_NO_REASON))
    async with request.app[DATABASE].begin() as connection:
        person = await _asker(connection, form.get("turn", "").strip())
        if person is None:
            return error_page(request, 404, _(_NO_TURN))
        if not await _leave_out(request, connection, person, reason):
            return error_page(request, 409, _(_KNOWN))
    raise web.HTTPSeeOther(request.app.router["opt_outs"].url_for())


@needs(Role.ADMIN)
async def revoke_opt_out(request: web.Request) -> web.StreamResponse:
    """POST /admin/opt-outs/{id}/revoke: the person may be in data sets again."""
    person = request.match_info["id"]
    reason = read_reason(await read_form(request))
    async with request.app[DATABASE].begin() as connection:
        if not _PERSON.fullmatch(person) or not await opt_outs.revoke(connection, person):
            return error_page(request, 404, _(_UNKNOWN))
        about = f"person:{person[:8]}"
        act = entry(request, AuditAction.OPT_OUT_REVOKED, about, reason=reason)
        await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(request.app.router["opt_outs"].url_for())


async def _asker(connection: AsyncConnection, raw: str) -> Person | None:
    """Who asked the turn with that id."""
    try:
        turn_id = UUID(raw)
    except ValueError:
        return None
    turn = (await whole_turns(connection, [turn_id])).get(turn_id)
    return turn.person if turn else None


async def _leave_out(
    request: web.Request, connection: AsyncConnection, person: Person, reason: str
) -> bool:
    """Record it, and take the person out of what there is; False: that was so before."""
    shown = pseudonym(person.messenger, person.tenant, person.sender)
    author = request[USER].name
    if not await opt_outs.record(
        connection, person=person.key, pseudonym=shown, author=author, reason=reason
    ):
        return False
    removed = await leave(connection, person.key)
    files = await leave_files(connection, person.key)
    details = {"people": [shown], "items": removed, "files": files}
    act = entry(
        request, AuditAction.OPT_OUT_RECORDED, f"person:{shown}", reason=reason, details=details
    )
    await audit_log.append(connection, [act])
    log.info("opt_out_recorded", items=removed, files=files)
    return True
