"""The form that orders a replay."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import structlog
from aiohttp import web

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.engines import offered_engines
from bot.admin.replay.order_form import (
    DEFAULT_TURNS,
    FIELDS,
    MAX_NAME_CHARS,
    MAX_ORDER_BYTES,
    UnreadableOrderError,
    read_order,
)
from bot.admin.replay.views import address
from bot.admin.search.fields import all_fields
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.admin.workers.views import WORKERS
from bot.configs.keys import MAX_PROMPT_CHARS
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log
from bot.store.replays import orders
from bot.store.replays.orders import MAX_OPEN, MAX_TURNS
from inference_queue.presets import PRESETS

log = structlog.get_logger(__name__)

_TOO_MANY = (
    "비교는 {count}개까지 한꺼번에 할 수 있습니다. 진행 중인 것이 끝나거나 멈춘 뒤에 다시 눌러"
    " 주세요."
)


@needs(Role.ADMIN)
async def show_new(request: web.Request) -> web.StreamResponse:
    """GET /admin/replays/new: the form, for the search in the address."""
    return await _form_page(request, request.query)


@needs(Role.ADMIN, max_form_bytes=MAX_ORDER_BYTES, keeps_text=True)
async def order(request: web.Request) -> web.StreamResponse:
    """POST /admin/replays: order a replay of a search."""
    form = await read_form(request)
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    try:
        new = read_order(form, request[USER].name, all_fields(messengers))
    except UnreadableOrderError as error:
        return await _form_page(request, form, 400, str(error))
    async with request.app[DATABASE].begin() as connection:
        if len(await orders.open_ids(connection)) >= MAX_OPEN:
            return await _form_page(request, form, 409, _(_TOO_MANY, count=MAX_OPEN))
        replay_id = await orders.order(connection, new, seed=secrets.randbits(62))
        options = {name: value for name, value in new.options.dump().items() if value is not None}
        # The words of a prompt and of a search stay out of the log.
        details = {"turns": new.max_turns, "options": sorted(options), "searched": bool(new.query)}
        act = entry(request, AuditAction.REPLAY_ORDERED, f"replay:{replay_id}", details=details)
        await audit_log.append(connection, [act])
    log.info("replay_ordered", replay=replay_id)
    raise web.HTTPSeeOther(address(request, replay_id))


async def _form_page(
    request: web.Request, asked: Mapping[str, str], status: int = 200, sentence: str = ""
) -> web.Response:
    return page(
        request,
        "replay_new.html",
        status,
        asked={name: asked.get(name, "") for name in FIELDS},
        engines={one.key: one.label for one in offered_engines(request.app[WORKERS].ready)},
        saved=await saved_of(request),
        presets={name: name for name in PRESETS},
        default_turns=DEFAULT_TURNS,
        max_turns=MAX_TURNS,
        max_name=MAX_NAME_CHARS,
        max_prompt=MAX_PROMPT_CHARS,
        sentence=sentence,
    )
