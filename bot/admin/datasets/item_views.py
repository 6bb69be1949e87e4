"""The items of a data set, read and exported."""

from __future__ import annotations

from aiohttp import web

from bot.admin.datasets import labels as words
from bot.admin.datasets.exported import NOT_READY, ExportedDataset
from bot.admin.datasets.view_models import dataset_item, shown_item
from bot.admin.exports.lists import LISTS
from bot.admin.exports.ordering import place, read_reason
from bot.admin.exports.views import NO_REASON
from bot.admin.login.access import needs
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.datasets import DatasetState, Split
from bot.domain.exports import ExportFormat
from bot.domain.turns import clean_text
from bot.store.datasets import items, sets
from bot.store.datasets.sets import Dataset
from bot.store.exports.orders import MAX_OPEN

#: On a page. Each has up to a dozen messages.
ITEMS = 10
_MAX_ID_CHARS = 60

NO_DATASET = "해당 데이터 세트를 찾을 수 없습니다. 삭제되었을 수 있습니다."
_TOO_MANY = "내보내기는 {count}개까지 한꺼번에 할 수 있습니다. 끝난 뒤에 다시 눌러 주세요."
_NOTHING = "항목이 없어 내보낼 것이 없습니다. 대화를 더 평가하거나 조건을 넓혀 다시 만들어 주세요."


@needs(Role.REVIEWER)
async def show_items(request: web.Request) -> web.StreamResponse:
    """GET /admin/datasets/{id}/items: the items, as they are exported."""
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
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


@needs(Role.REVIEWER, keeps_text=True)
async def export_dataset(request: web.Request) -> web.StreamResponse:
    """POST /admin/datasets/{id}/export: freeze it, and order its file."""
    dataset = await find_dataset(request)
    if dataset is None:
        return error_page(request, 404, _(NO_DATASET))
    reason = read_reason(await read_form(request))
    if not reason:
        return error_page(request, 400, _(NO_REASON))
    if dataset.state != DatasetState.READY:
        return error_page(request, 409, _(NOT_READY))
    async with request.app[DATABASE].begin() as connection:
        if not (await items.count(connection, dataset.id)).all:
            return error_page(request, 409, _(_NOTHING))
        await sets.freeze(connection, dataset.id)
    asked = request.app[LISTS][ExportedDataset.name]
    query = {"dataset": str(dataset.id)}
    export_id = await place(request, asked, ExportFormat.DATASET, query, reason)
    if export_id is None:
        return error_page(request, 409, _(_TOO_MANY, count=MAX_OPEN))
    raise web.HTTPSeeOther(request.app.router["export"].url_for(id=str(export_id)))


async def find_dataset(request: web.Request) -> Dataset | None:
    """The data set of the path; None: there is none."""
    dataset_id = whole_number(request.match_info["id"])
    if dataset_id is None:
        return None
    async with request.app[DATABASE].connect() as connection:
        return await sets.find(connection, dataset_id)
