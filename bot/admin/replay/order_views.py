"""The form that orders a replay."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from uuid import UUID

import structlog
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.engines import offered_engines
from bot.admin.replay.order_form import (
    DEFAULT_TURNS,
    FIELDS,
    MAX_NAME_CHARS,
    MAX_ORDER_BYTES,
    NO_DATASET,
    NO_EVALUATION,
    UnreadableOrderError,
    read_order,
)
from bot.admin.replay.views import TOO_MANY, address
from bot.admin.search.fields import all_fields
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, page
from bot.admin.workers.views import WORKERS
from bot.configs.keys import MAX_TYPED_PROMPT_CHARS
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.dashboard_users import Role
from bot.domain.datasets import DatasetState
from bot.store import audit_log
from bot.store.datasets import items, sets
from bot.store.datasets.sets import Dataset
from bot.store.evaluations import pairs
from bot.store.evaluations import records as evaluations
from bot.store.replays import orders
from bot.store.replays.orders import MAX_OPEN, MAX_TURNS, NewReplay, TooManyOpenError
from inference_queue.presets import PRESETS

log = structlog.get_logger(__name__)


class _NoTurnsError(Exception):
    """What the turns should come from is gone, or not ready; its text is a sentence."""


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
    try:
        async with request.app[DATABASE].begin() as connection:
            replay_id = await _order(connection, new)
            act = _entry(request, new, replay_id)
            await audit_log.append(connection, [act])
    except TooManyOpenError:
        return await _form_page(request, form, 409, _(TOO_MANY, count=MAX_OPEN))
    except _NoTurnsError as error:
        return await _form_page(request, form, 409, str(error))
    log.info("replay_ordered", replay=replay_id)
    raise web.HTTPSeeOther(address(request, replay_id))


async def _order(connection: AsyncConnection, new: NewReplay) -> int:
    """Order it; its id. Raises TooManyOpenError and _NoTurnsError."""
    seed = secrets.randbits(62)
    if new.dataset_id is not None:
        source, turn_ids = await _of_dataset(connection, new.dataset_id, new.max_turns)
    elif new.evaluation_id is not None:
        source, turn_ids = await _of_evaluation(connection, new.evaluation_id, new.max_turns)
    else:
        return await orders.order(connection, new, seed=seed)
    return await orders.order_turns(connection, new, seed=seed, source=source, turn_ids=turn_ids)


async def _of_dataset(
    connection: AsyncConnection, dataset_id: int, limit: int
) -> tuple[str, list[UUID]]:
    dataset = await sets.find(connection, dataset_id, lock=True)
    if dataset is None or dataset.state != DatasetState.READY:
        raise _NoTurnsError(_(NO_DATASET))
    turn_ids = await items.turn_ids(connection, dataset.id, limit=limit)
    return f"{dataset.name} v{dataset.version}", turn_ids


async def _of_evaluation(
    connection: AsyncConnection, evaluation_id: int, limit: int
) -> tuple[str, list[UUID]]:
    evaluation = await evaluations.find(connection, evaluation_id)
    turn_ids = await pairs.turns_of(connection, evaluation_id, limit=limit)
    if evaluation is None or not turn_ids:
        raise _NoTurnsError(_(NO_EVALUATION))
    return evaluation.name, turn_ids


def _entry(request: web.Request, new: NewReplay, replay_id: int) -> AuditEntry:
    """The order for the audit log. The words of a prompt and of a search stay out of it."""
    options = {name for name, value in new.options.dump().items() if value is not None}
    details: dict[str, object] = {
        "turns": new.max_turns,
        "options": sorted(options),
        "searched": bool(new.query),
    }
    if new.dataset_id is not None:
        details["dataset"] = new.dataset_id
    if new.evaluation_id is not None:
        details["evaluation"] = new.evaluation_id
    return entry(request, AuditAction.REPLAY_ORDERED, f"replay:{replay_id}", details=details)


async def _dataset(request: web.Request, asked: Mapping[str, str]) -> Dataset | None:
    """The data set whose questions are asked; None: none is, or it cannot be."""
    dataset_id = whole_number(asked.get("dataset", ""))
    if not dataset_id:
        return None
    async with request.app[DATABASE].connect() as connection:
        found = await sets.find(connection, dataset_id)
    return found if found and found.state == DatasetState.READY else None


async def _form_page(
    request: web.Request, asked: Mapping[str, str], status: int = 200, sentence: str = ""
) -> web.Response:
    dataset = await _dataset(request, asked)
    if asked.get("dataset") and dataset is None:
        sentence = sentence or _(NO_DATASET)
    return page(
        request,
        "replay_new.html",
        status,
        asked={name: asked.get(name, "") for name in FIELDS},
        dataset=dataset,
        engines={one.key: one.label for one in offered_engines(request.app[WORKERS].ready)},
        saved=await saved_of(request),
        presets={name: name for name in PRESETS},
        default_turns=DEFAULT_TURNS,
        max_turns=MAX_TURNS,
        max_name=MAX_NAME_CHARS,
        max_prompt=MAX_TYPED_PROMPT_CHARS,
        sentence=sentence,
    )
