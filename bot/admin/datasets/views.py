"""The pages of data sets: ordered, followed, read, exported, built anew, deleted."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from bot.admin.datasets import forms
from bot.admin.datasets import labels as words
from bot.admin.datasets.card import card
from bot.admin.datasets.exported import NOT_READY, ExportedDataset
from bot.admin.datasets.forms import BadRecipe, read_recipe
from bot.admin.datasets.view_models import counted, dataset_item, shown_item
from bot.admin.exports import views as exports
from bot.admin.exports.lists import LISTS
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.search.fields import all_fields
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry, record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.datasets import DatasetState, Split
from bot.domain.exports import ExportFormat
from bot.domain.turns import clean_text
from bot.store import audit_log
from bot.store.datasets import items, sets
from bot.store.datasets.sets import MAX_OPEN, Dataset, Recipe
from bot.store.exports.orders import MAX_OPEN as MAX_OPEN_EXPORTS
from inference_queue.background import client
from inference_queue.presets import PRESETS

log = structlog.get_logger(__name__)

PAGE_SIZE = 30
#: Each has up to a dozen messages.
ITEMS = 10
_MAX_ID_CHARS = 60

_NO_DATASET = "해당 데이터 세트를 찾을 수 없습니다. 삭제되었을 수 있습니다."
_TOO_MANY = "데이터 세트는 {count}개까지 한꺼번에 만들 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_TOO_MANY_EXPORTS = "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_NOTHING = "항목이 없어 내보낼 것이 없습니다. 대화를 더 평가하거나 조건을 넓혀 다시 만들어 주세요."
_NO_CHECK = "진행 중인 토큰 검사가 없습니다."


@needs(Role.REVIEWER)
async def show_datasets(request: web.Request) -> web.StreamResponse:
    """GET /admin/datasets: data sets, newest first, and the form for another one."""
    raw = request.query.get("before", "")
    before = exports.number(raw)
    if raw and before is None:
        return error_page(request, 400)
    return await _list_page(request, before)


@needs(Role.REVIEWER)
async def make_dataset(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets: order a data set, to be built by a job."""
    form = await read_form(request)
    messengers: dict[str, str] = request.app[MESSENGER_LABELS]
    try:
        recipe = read_recipe(form, all_fields(messengers))
    except BadRecipe as error:
        return await _list_page(request, None, asked=form, sentence=str(error))
    return await _make(request, recipe)


@needs(Role.REVIEWER)
async def show_dataset(request: web.Request) -> web.StreamResponse:
    """GET /admin/datasets/{id}: how far it is, what it holds, and its card."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    async with request.app[DATABASE].connect() as connection:
        counts = await items.count(connection, dataset.id)
        checks = await client.count(connection, dataset.batch_id)
    return page(
        request,
        "dataset.html",
        item=dataset_item(dataset),
        preset=dataset.preset,
        groups=counted(dataset, counts),
        all=counts.all,
        unchecked=counts.unchecked,
        waiting=checks.total,
        card=card(dataset, counts),
    )


@needs(Role.REVIEWER)
async def show_items(request: web.Request) -> web.StreamResponse:
    """GET /admin/datasets/{id}/items: the items, as they are exported."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    split, after = request.query.get("split", ""), clean_text(request.query.get("after", ""))
    if (split and split not in set(Split)) or len(after) > _MAX_ID_CHARS:
        return error_page(request, 400)
    async with request.app[DATABASE].connect() as connection:
        found = await items.listed(
            connection, dataset.id, split=split, after=after, limit=ITEMS + 1
        )
    shown = found[:ITEMS]
    people = sorted({item.person[:8] for item in shown})
    details = {"people": people, "turns": len(shown)}
    await record(request, AuditAction.DATASET_READ, f"dataset:{dataset.id}", details)
    return page(
        request,
        "dataset_items.html",
        item=dataset_item(dataset),
        items=[shown_item(one) for one in shown],
        splits=labels.translated(words.SPLITS),
        split=split,
        after=shown[-1].id if len(found) > ITEMS else "",
        is_first=not after,
    )


@needs(Role.REVIEWER)
async def build_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/again: the same recipe over today's turns, as a new version."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    return await _make(request, dataset.recipe)


@needs(Role.REVIEWER)
async def export_dataset(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/export: freeze it, and order its file."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    reason = exports.read_reason_of(await read_form(request))
    if not reason:
        return error_page(request, 400, _(exports.NO_REASON))
    if dataset.state != DatasetState.READY:
        return error_page(request, 409, _(NOT_READY))
    async with request.app[DATABASE].begin() as connection:
        if not (await items.count(connection, dataset.id)).all:
            return error_page(request, 409, _(_NOTHING))
        await sets.freeze(connection, dataset.id)
    asked = request.app[LISTS][ExportedDataset.name]
    query = {"dataset": str(dataset.id)}
    export_id = await exports.place(request, asked, ExportFormat.DATASET, query, reason)
    if export_id is None:
        return error_page(request, 409, _(_TOO_MANY_EXPORTS, count=MAX_OPEN_EXPORTS))
    raise web.HTTPSeeOther(request.app.router["export"].url_for(id=str(export_id)))


@needs(Role.REVIEWER)
async def end_check(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/end-check: leave the rest of the items unchecked."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    async with request.app[DATABASE].begin() as connection:
        if not await sets.end_check(connection, dataset.id):
            return error_page(request, 409, _(_NO_CHECK))
        await client.cancel(connection, dataset.batch_id)
    log.info("dataset_check_ended", dataset=dataset.id)
    raise web.HTTPSeeOther(_address(request, dataset.id))


@needs(Role.ADMIN)
async def delete_dataset(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/delete: delete it with its items; files that exist stay."""
    dataset = await _find(request)
    if dataset is None:
        return error_page(request, 404, _(_NO_DATASET))
    async with request.app[DATABASE].begin() as connection:
        await client.cancel(connection, dataset.batch_id)
        await sets.remove(connection, dataset.id)
        act = entry(
            request, AuditAction.DATASET_DELETED, f"dataset:{dataset.id}",
            details={"dataset": dataset.name, "version": dataset.version},
        )  # fmt: skip
        await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(request.app.router["datasets"].url_for())


async def _make(request: web.Request, recipe: Recipe) -> web.StreamResponse:
    async with request.app[DATABASE].begin() as connection:
        dataset_id = await sets.make(connection, recipe, author=request[USER].name)
        if dataset_id is None:
            return error_page(request, 409, _(_TOO_MANY, count=MAX_OPEN))
        details = {"dataset": recipe.name, "kind": recipe.kind.value}
        act = entry(request, AuditAction.DATASET_BUILT, f"dataset:{dataset_id}", details=details)
        await audit_log.append(connection, [act])
    log.info("dataset_ordered", dataset=dataset_id, kind=recipe.kind.value)
    raise web.HTTPSeeOther(_address(request, dataset_id))


async def _list_page(
    request: web.Request,
    before: int | None,
    *,
    asked: Mapping[str, str] | None = None,
    sentence: str = "",
) -> web.Response:
    async with request.app[DATABASE].connect() as connection:
        found = await sets.newest(connection, before=before, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    given = request.query if asked is None else asked
    return page(
        request,
        "datasets.html",
        400 if sentence else 200,
        items=[dataset_item(one) for one in shown],
        older=str(shown[-1].id) if len(found) > PAGE_SIZE else "",
        is_first=before is None,
        sentence=sentence,
        asked={name: given.get(name, "") for name in ("name", "q", "kind", "preset", "loose")},
        max_tokens=given.get("max_tokens", "") or str(forms.DEFAULT_TOKENS),
        kinds=labels.translated(words.KINDS),
        presets={name: name for name in PRESETS},
        saved=await saved_of(request),
    )


async def _find(request: web.Request) -> Dataset | None:
    dataset_id = exports.number(request.match_info["id"])
    if dataset_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        return await sets.find(connection, dataset_id)


def _address(request: web.Request, dataset_id: int) -> str:
    return str(request.app.router["dataset"].url_for(id=str(dataset_id)))
