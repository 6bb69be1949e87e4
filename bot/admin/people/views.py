"""The page of what may be done about a person: block, erase, download."""

from __future__ import annotations

from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.people.subject import Subject
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.forms import read_form, read_reason
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.admin.web.reasons import read_required_reason
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, blocked_people, erasure_orders
from bot.store.blocked_people import MAX_BLOCKED

#: Of a person, on the page.
MAX_ORDERS = 5

NO_REASON = "사유를 적어 주세요. 사유는 접속기록에 남습니다."
_TOO_MANY = "{count}명까지 차단할 수 있습니다. 필요 없는 차단을 먼저 풀어 주세요."
_NOT_CONFIRMED = "되돌릴 수 없다는 것을 확인해 주세요."


@needs(Role.ADMIN)
async def show_actions(request: web.Request) -> web.StreamResponse:
    """GET /admin/people/{key}/rights: what may be done, and what was."""
    subject = Subject.of(request)
    await record(
        request, AuditAction.PERSON_READ, f"person:{subject.name}", {"people": [subject.name]}
    )
    return await _page(request, subject)


@needs(Role.ADMIN, keeps_text=True)
async def block(request: web.Request) -> web.StreamResponse:
    """POST /admin/people/{key}/block: the bot answers the person with one sentence."""
    subject, reason = Subject.of(request), await read_required_reason(request)
    if reason is None:
        return await _page(request, subject, 400, _(NO_REASON))
    async with request.app[DATABASE].begin() as connection:
        blocked = await blocked_people.block(
            connection, subject.person, name=subject.name, reason=reason, by=request[USER].name
        )
        if blocked:
            done = subject.entry(request, AuditAction.PERSON_BLOCKED, reason=reason)
            await audit_log.append(connection, [done])
    if blocked is None:
        return await _page(request, subject, 409, _(_TOO_MANY, count=f"{MAX_BLOCKED:,}"))
    raise _back(request, subject)


@needs(Role.ADMIN, keeps_text=True)
async def unblock(request: web.Request) -> web.StreamResponse:
    """POST /admin/people/{key}/unblock: the bot answers the person again."""
    subject, reason = Subject.of(request), await read_reason(request)
    async with request.app[DATABASE].begin() as connection:
        if await blocked_people.unblock(connection, subject.person.key):
            done = subject.entry(request, AuditAction.PERSON_UNBLOCKED, reason=reason)
            await audit_log.append(connection, [done])
    raise _back(request, subject)


@needs(Role.ADMIN, keeps_text=True)
async def erase(request: web.Request) -> web.StreamResponse:
    """POST /admin/people/{key}/erase: order that everything about the person is deleted."""
    subject, reason = Subject.of(request), await read_required_reason(request)
    if reason is None:
        return await _page(request, subject, 400, _(NO_REASON))
    if (await read_form(request)).get("sure") != "yes":
        return await _page(request, subject, 400, _(_NOT_CONFIRMED))
    async with request.app[DATABASE].begin() as connection:
        order = await erasure_orders.order(
            connection, subject.person, name=subject.name, actor=request[USER].name
        )
        told = {"order": str(order)}
        done = subject.entry(request, AuditAction.PERSON_ERASED, reason=reason, details=told)
        await audit_log.append(connection, [done])
    raise _back(request, subject)


def _back(request: web.Request, subject: Subject) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(request.app.router["person_rights"].url_for(key=subject.key))


async def _page(
    request: web.Request, subject: Subject, status: int = 200, sentence: str = ""
) -> web.Response:
    async with request.app[DATABASE].connect() as connection:
        blocked = await blocked_people.find(connection, subject.person.key)
        orders = await erasure_orders.orders_of(connection, subject.person, limit=MAX_ORDERS)
    messengers = request.app[MESSENGER_LABELS]
    return page(
        request,
        "person_rights.html",
        status,
        name=subject.name,
        key=subject.key,
        messenger=labels.label(subject.person.messenger, messengers),
        blocked=blocked,
        orders=orders,
        sentence=sentence,
    )
