"""The page of a comparison, with the forms that publish a draft or restore a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from bot.admin.bot_settings.announced import adapter_warning
from bot.admin.bot_settings.comparison import compare_values, masked_values
from bot.admin.bot_settings.scopes import UnreadableError, is_reviewer, scope_in, words_of
from bot.admin.bot_settings.sides import DRAFT, INHERITED, LIVE, Side, read_side
from bot.admin.bot_settings.words import KEYS_IN_WORDS
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.configs.reader import REFRESH_S
from bot.configs.versions import live_row
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text
from bot.privacy.masking_thread import run_masking

_MOVED = "초안을 지금 버전 위로 옮겼습니다. 게시하기 전에 차이를 확인해 주세요."
_CONTESTED = "다른 사람도 바꾼 설정은 초안의 값으로 두었습니다: {keys}"


@needs(Role.VIEWER)
async def show_comparison(request: web.Request) -> web.StreamResponse:
    """GET /admin/bot-settings/compare: what differs between two sides of a scope."""
    query = request.query
    sentence = ""
    if query.get("done") == "moved":
        contested = [key for key in query.get("contested", "").split(",") if key in KEYS_IN_WORDS]
        keys = ", ".join(_(KEYS_IN_WORDS[key].label) for key in contested)
        sentence = _(_MOVED) + (" " + _(_CONTESTED, keys=keys) if keys else "")
    return await comparison_page(request, query, sentence=sentence)


async def comparison_page(
    request: web.Request, asked: Mapping[str, str], status: int = 200, *, sentence: str = ""
) -> web.Response:
    """Render a comparison; ``asked``: the scope, the sides ``from`` and ``to``, and whose draft."""
    owner = clean_text(asked.get("owner", "")) or request[USER].name
    try:
        scope = scope_in(request, asked)
        async with request.app[DATABASE].connect() as connection:
            before = await read_side(request, connection, scope, asked.get("from") or LIVE, owner)
            after = await read_side(request, connection, scope, asked.get("to") or DRAFT, owner)
            live = await live_row(connection, scope)
    except UnreadableError as error:
        return error_page(request, 404, str(error))
    if DRAFT in (before.name, after.name) and not is_reviewer(request):
        return error_page(request, 403, _("초안은 검토자와 관리자만 볼 수 있습니다."))
    if not is_reviewer(request):
        before, after = await run_masking(lambda: (_masked(before), _masked(after)))
    # A scope inherits what it does not set: only what the other side sets is compared.
    set_keys = {side.name: side.values for side in (before, after) if side.name != INHERITED}
    only = set().union(*set_keys.values()) if len(set_keys) < 2 else None
    return page(
        request,
        "bot_settings_compare.html",
        status,
        scope=scope,
        scope_query=scope._asdict(),
        scope_words=words_of(request, scope),
        before=before,
        after=after,
        differences=await compare_values(before.values, after.values, only),
        live_version=live.version if live else 0,
        act=_act(before, after, live.version if live else 0),
        is_reviewer=is_reviewer(request),
        own=owner == request[USER].name,
        note=asked.get("note", ""),
        sentence=sentence,
        is_bad=status >= 400,
        seconds=f"{REFRESH_S:.0f}",
        warning=adapter_warning(request, after.values.get("adapter")),
    )


def _masked(side: Side) -> Side:
    return replace(side, values=masked_values(dict(side.values)))


def _act(before: Side, after: Side, live_version: int) -> str:
    """What the page offers: publish, move, restore, or nothing."""
    if before.name != LIVE:
        return ""
    if after.draft:
        return "publish" if after.draft.base_version == live_version else "move"
    is_old = after.row is not None and after.row.version != live_version
    return "restore" if is_old else ""
