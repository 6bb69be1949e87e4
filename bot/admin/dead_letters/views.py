"""The page of the dead letters, and the forms that send many of them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

import structlog
from aiohttp import web

from bot.admin.dead_letters.choice import BAD_CHOICE, STATES, read_choice
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.turns.filters import BadCursor, Cursor
from bot.admin.turns.masked_beginning import masked_beginning
from bot.admin.turns.queries import before_for
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry, record
from bot.admin.web.badges import Badge, badge_of
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.privacy.masking import mask_detail, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store import audit_log, bulk_resends
from bot.store.bulk_resends import BulkResend
from bot.store.dead_letters import (
    MAX_COUNTED,
    Choice,
    DeadLetter,
    count_dead_letters,
    list_dead_letters,
)

log = structlog.get_logger(__name__)

PAGE_SIZE = 50
#: Orders shown above the list.
MAX_ORDERS = 5

_BAD_CURSOR = "페이지 주소가 올바르지 않습니다. 첫 페이지부터 다시 확인해 주세요."
_NO_ORDER = "이미 끝났거나 없는 작업입니다."


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A dead letter as the page shows it."""

    id: UUID
    conversation_id: int
    before: int
    messenger: str
    sender: str
    question: str
    state: Badge
    detail: str
    attempts: int
    received_at: datetime
    sendable: bool


@needs(Role.VIEWER)
async def show_dead_letters(request: web.Request) -> web.StreamResponse:
    """GET /admin/dead-letters: undelivered answers, newest first, and the orders of late."""
    choice = _choice(request, request.query)
    if choice is None:
        return error_page(request, 400, _(BAD_CHOICE))
    raw = request.query.get("after", "")
    try:
        after = Cursor.parse(raw) if raw else None
    except BadCursor:
        return error_page(request, 400, _(_BAD_CURSOR))
    before = (after.received_at, after.id) if after else None
    async with request.app[DATABASE].connect() as connection:
        found = await list_dead_letters(connection, choice, before=before, limit=PAGE_SIZE + 1)
        count = await count_dead_letters(connection, choice)
        orders = await bulk_resends.newest(connection, limit=MAX_ORDERS)
    shown = found[:PAGE_SIZE]
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    messengers = labels.translated(known)
    items = await run_masking(lambda: [_item(letter, messengers) for letter in shown])
    people = sorted({item.sender for item in items})
    details = {"people": people, "turns": len(items), "terms": ["delivery:dead"]}
    await record(request, AuditAction.TURNS_READ, details=details)
    return page(
        request,
        "dead_letters.html",
        items=items,
        count=count,
        max_counted=MAX_COUNTED,
        orders=[_order(order, messengers) for order in orders],
        asked=choice,
        messengers=messengers,
        states=labels.translated(STATES),
        older=_older(choice, shown) if len(found) > PAGE_SIZE else "",
        is_first=not raw,
    )


@needs(Role.ADMIN)
async def send_all_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/dead-letters/send-again: order those of a choice to be sent again."""
    choice = _choice(request, await read_form(request))
    if choice is None:
        return error_page(request, 400, _(BAD_CHOICE))
    async with request.app[DATABASE].begin() as connection:
        order_id = await bulk_resends.order(connection, choice, author=request[USER].name)
        act = entry(
            request, AuditAction.DEAD_LETTERS_SENT_AGAIN, f"order:{order_id}",
            details={name: value for name, value in choice.values().items() if value},
        )  # fmt: skip
        await audit_log.append(connection, [act])
    log.info("bulk_resend_ordered", order=order_id, **choice.values())
    raise web.HTTPSeeOther(_address(request, choice))


@needs(Role.ADMIN)
async def stop_order(request: web.Request) -> web.StreamResponse:
    """POST /admin/dead-letters/orders/{id}/stop: end an order early."""
    raw = request.match_info["id"]
    order_id = whole_number(raw)
    if order_id is None:
        return error_page(request, 404, _(_NO_ORDER))
    async with request.app[DATABASE].begin() as connection:
        stopped = await bulk_resends.stop(connection, order_id)
        if stopped:
            act = entry(request, AuditAction.ORDER_STOPPED, f"order:{raw}")
            await audit_log.append(connection, [act])
    if not stopped:
        return error_page(request, 404, _(_NO_ORDER))
    log.info("bulk_resend_stopped", order=order_id)
    raise web.HTTPSeeOther(_address(request, Choice()))


def _choice(request: web.Request, fields: Mapping[str, str]) -> Choice | None:
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    return read_choice(fields, messengers)


def _address(request: web.Request, choice: Choice) -> str:
    url = request.app.router["dead_letters"].url_for()
    return str(url.with_query({name: value for name, value in choice.values().items() if value}))


def _older(choice: Choice, shown: Sequence[DeadLetter]) -> str:
    last = shown[-1]
    fields = choice.values() | {"after": str(Cursor(last.updated_at, last.turn_id))}
    return urlencode({name: value for name, value in fields.items() if value})


def _item(letter: DeadLetter, messengers: Mapping[str, str]) -> Item:
    return Item(
        id=letter.turn_id,
        conversation_id=letter.conversation_id,
        before=before_for(letter.seq),
        messenger=messengers.get(letter.messenger, letter.messenger),
        sender=pseudonym(letter.messenger, letter.tenant, letter.sender),
        question=masked_beginning(letter.text),
        state=badge_of(letter.state, STATES),
        detail=mask_detail(letter.detail),
        attempts=letter.attempts,
        received_at=letter.received_at,
        sendable=letter.sendable,
    )


def _order(order: BulkResend, messengers: Mapping[str, str]) -> dict[str, object]:
    """An order in words."""
    means = (
        messengers.get(order.choice.messenger, order.choice.messenger) or _("모든 메신저"),
        labels.label(order.choice.state, STATES) or _("모든 상태"),
    )
    return {
        "id": order.id,
        "means": " · ".join(means),
        "sent": order.sent,
        "left": order.left,
        "created_at": order.created_at,
        "runs": order.ended_at is None,
        "stopped": order.stopped,
    }
