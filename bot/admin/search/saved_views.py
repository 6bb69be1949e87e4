"""Saved searches: kept under a name, shown above the list, deleted."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.web.pages import DATABASE, error_page
from bot.domain.turns import clean_text, has_visible
from bot.store.search import saved
from bot.store.search.saved import MAX_SAVED, SavedSearch

#: Whose searches these are: the operator's login name.
OWNER = web.AppKey("OWNER", str)

MAX_NAME_CHARS = 60
#: It stands in a URL, where a syllable takes nine bytes of about eight thousand.
MAX_QUERY_CHARS = 800
_MAX_ID_DIGITS = 18

_NO_NAME = f"이름은 1자에서 {MAX_NAME_CHARS}자까지 쓸 수 있습니다."
_TOO_LONG = f"{MAX_QUERY_CHARS:,}자가 넘는 검색은 저장할 수 없습니다."
_TOO_MANY = f"검색은 {MAX_SAVED}개까지 저장할 수 있습니다. 쓰지 않는 것을 먼저 삭제해 주세요."
_NO_SEARCH = "저장한 검색을 찾을 수 없습니다. 이미 삭제되었을 수 있습니다."


async def saved_of(request: web.Request) -> list[SavedSearch]:
    """The operator's saved searches, by name."""
    database: AsyncEngine = request.app[DATABASE]
    async with database.connect() as connection:
        return await saved.list_saved(connection, request.app[OWNER])


async def save_search(request: web.Request) -> web.StreamResponse:
    """POST /admin/searches: save the text of the box under a name, in place of an older one."""
    form = await request.post()
    name, query = (" ".join(clean_text(str(form.get(key, ""))).split()) for key in ("name", "q"))
    if not has_visible(name) or len(name) > MAX_NAME_CHARS:
        return error_page(request, 400, _NO_NAME)
    if len(query) > MAX_QUERY_CHARS:
        return error_page(request, 400, _TOO_LONG)
    async with request.app[DATABASE].begin() as connection:
        if not await saved.save(connection, request.app[OWNER], name, query):
            return error_page(request, 409, _TOO_MANY)
    raise web.HTTPSeeOther(request.app.router["turns"].url_for().with_query(q=query))


async def delete_search(request: web.Request) -> web.StreamResponse:
    """POST /admin/searches/{id}/delete: delete one of the operator's own."""
    raw = request.match_info["id"]
    if not (raw.isascii() and raw.isdecimal() and len(raw) <= _MAX_ID_DIGITS):
        return error_page(request, 404, _NO_SEARCH)
    async with request.app[DATABASE].begin() as connection:
        if not await saved.delete_saved(connection, request.app[OWNER], int(raw)):
            return error_page(request, 404, _NO_SEARCH)
    raise web.HTTPSeeOther(request.app.router["turns"].url_for())
