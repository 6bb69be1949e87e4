"""The pages of data sets: ordered, followed, read, exported, built anew, deleted."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from aiohttp import web

from bot.admin.datasets import forms
from bot.admin.datasets import labels as words
from bot.admin.datasets.card import card
from bot.admin.datasets.forms import BadRecipe, read_recipe
from bot.admin.datasets.item_views import NO_DATASET, find_dataset
from bot.admin.datasets.view_models import counted, dataset_item, waits_for_worker
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.replay.view_models import replay_row
from bot.admin.search.fields import all_fields
from bot.admin.search.saved_views import saved_of
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.newest_first import cut, read_before
from bot.admin.web.pages import DATABASE, error_page, page
from bot.admin.workers.views import WORKERS
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log
from bot.store.datasets import items, progress, sets
from bot.store.datasets.sets import MAX_OPEN, Recipe
from bot.store.replays import records
from inference_queue.background import client
from inference_queue.presets import PRESETS

log = structlog.get_logger(__name__)

PAGE_SIZE = 30
#: On the page of their data set.
REPLAYS = 10

_TOO_MANY = "데이터 세트는 {count}개까지 한꺼번에 만들 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_TOO_MANY_EXPORTS = "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_NO_CHECK = "진행 중인 토큰 검사가 없습니다."


@needs(Role.REVIEWER)
async def show_datasets(request: web.Request) -> web.StreamResponse:
    """GET /admin/datasets: data sets, newest first, and the form for another one."""
    return await _list_page(request, read_before(request))


@needs(Role.REVIEWER, keeps_text=True)
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
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
    async with request.app[DATABASE].connect() as connection:
        counts = await items.count(connection, dataset.id)
        checks = await client.count(connection, dataset.batch_id)
        replays = await records.of_dataset(connection, dataset.id, limit=REPLAYS)
    workers = request.app[WORKERS].workers
    return page(
        request,
        "dataset.html",
        item=dataset_item(dataset),
        preset=dataset.preset,
        groups=counted(dataset, counts),
        all=counts.all,
        unchecked=counts.unchecked,
        waiting=checks.total,
        waits_for_worker=waits_for_worker(dataset, workers),
        replays=[replay_row(replay, counted_items, workers) for replay, counted_items in replays],
        card=card(dataset, counts),
    )


@needs(Role.REVIEWER)
async def build_again(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/again: the same recipe over today's turns, as a new version."""
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
    return await _make(request, dataset.recipe)


@needs(Role.REVIEWER)
async def end_check(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/end-check: leave the rest of the items unchecked."""
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
    async with request.app[DATABASE].begin() as connection:
        if not await progress.end_check(connection, dataset.id):
            return error_page(request, 409, _(_NO_CHECK))
        await client.cancel(connection, dataset.batch_id)
    log.info("dataset_check_ended", dataset=dataset.id)
    raise web.HTTPSeeOther(_address(request, dataset.id))


@needs(Role.ADMIN)
async def delete_dataset(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/delete: delete it with its items; files that exist stay."""
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
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
    shown, older = cut(found, PAGE_SIZE, lambda one: one.id)
    given = request.query if asked is None else asked
    return page(
        request,
        "datasets.html",
        400 if sentence else 200,
        items=[dataset_item(one) for one in shown],
        older=older,
        is_first=before is None,
        sentence=sentence,
        asked={name: given.get(name, "") for name in ("name", "q", "kind", "preset", "loose")},
        max_tokens=given.get("max_tokens", "") or str(forms.DEFAULT_TOKENS),
        kinds=labels.translated(words.KINDS),
        presets={name: name for name in PRESETS},
        saved=await saved_of(request),
    )


def _address(request: web.Request, dataset_id: int) -> str:
    return str(request.app.router["dataset"].url_for(id=str(dataset_id)))
