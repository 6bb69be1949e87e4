"""Saved searches: kept under a name, shown above the list, deleted."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text, has_visible
from bot.store import audit_log
from bot.store.search import saved
from bot.store.search.saved import MAX_SAVED, SavedSearch

MAX_NAME_CHARS = 60
#: It stands in a URL, where a syllable takes nine bytes of about eight thousand.
MAX_QUERY_CHARS = 800

_NO_NAME = "이름은 1자에서 {count}자까지 쓸 수 있습니다."
_TOO_LONG = "{count}자가 넘는 검색은 저장할 수 없습니다."
_TOO_MANY = "검색은 {count}개까지 저장할 수 있습니다. 쓰지 않는 것을 먼저 삭제해 주세요."
_NO_SEARCH = "저장한 검색을 찾을 수 없습니다. 이미 삭제되었을 수 있습니다."


async def saved_of(request: web.Request) -> list[SavedSearch]:
    """The operator's saved searches, by name."""
    database: AsyncEngine = request.app[DATABASE]
    async with database.connect() as connection:
        return await saved.list_saved(connection, request[USER].name)


@needs(Role.VIEWER, keeps_text=True)
async def save_search(request: web.Request) -> web.StreamResponse:
    """POST /admin/searches: save the text of the box under a name, in place of an older one."""
    form = await request.post()
    name, query = (" ".join(clean_text(str(form.get(key, ""))).split()) for key in ("name", "q"))
    if not has_visible(name) or len(name) > MAX_NAME_CHARS:
        return error_page(request, 400, _(_NO_NAME, count=MAX_NAME_CHARS))
    if len(query) > MAX_QUERY_CHARS:
        return error_page(request, 400, _(_TOO_LONG, count=MAX_QUERY_CHARS))
    async with request.app[DATABASE].begin() as connection:
        search_id = await saved.save(connection, request[USER].name, name, query)
        if search_id is None:
            return error_page(request, 409, _(_TOO_MANY, count=MAX_SAVED))
        # By its number: name and words may be a person's.
        noted = entry(request, AuditAction.SEARCH_SAVED, f"search:{search_id}")
        await audit_log.append(connection, [noted])
    raise web.HTTPSeeOther(request.app.router["turns"].url_for().with_query(q=query))


@needs(Role.VIEWER)
async def delete_search(request: web.Request) -> web.StreamResponse:
    """POST /admin/searches/{id}/delete: delete one of the operator's own."""
    search_id = whole_number(request.match_info["id"])
    if search_id is None:
        return error_page(request, 404, _(_NO_SEARCH))
    async with request.app[DATABASE].begin() as connection:
        if not await saved.delete_saved(connection, request[USER].name, search_id):
            return error_page(request, 404, _(_NO_SEARCH))
        noted = entry(request, AuditAction.SEARCH_DELETED, f"search:{search_id}")
        await audit_log.append(connection, [noted])
    raise web.HTTPSeeOther(request.app.router["turns"].url_for())
