"""The versions of a scope, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise

from aiohttp import web

from bot.admin.bot_settings.scopes import (
    UnreadableError,
    address,
    is_reviewer,
    scope_in,
    version_in,
    words_of,
)
from bot.admin.bot_settings.words import KEYS_IN_WORDS
from bot.admin.login.access import needs
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.configs.versions import Change, history, live_row
from bot.domain.dashboard_users import Role
from bot.store.bot_configs import StoredConfig

PAGE_SIZE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One version as the page shows it."""

    row: StoredConfig
    before: int  #: the version before it; 0: none
    keys: list[str]  #: the labels of what changed


@needs(Role.VIEWER)
async def show_history(request: web.Request) -> web.StreamResponse:
    """GET /admin/bot-settings/history: who changed what, when and why."""
    try:
        scope = scope_in(request, request.query)
        raw = request.query.get("below", "")
        below = version_in(raw) if raw else None
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    async with request.app[DATABASE].connect() as connection:
        changes = await history(connection, scope, PAGE_SIZE + 1, below=below)
        live = await live_row(connection, scope)
    items = _items(changes)[:PAGE_SIZE]
    more = items[-1].row.version if len(changes) > PAGE_SIZE else 0
    return page(
        request,
        "bot_settings_history.html",
        scope=scope,
        scope_query=scope._asdict(),
        scope_words=words_of(request, scope),
        items=items,
        live_version=live.version if live else 0,
        older=address(request, "bot_settings_history", scope, below=more) if more else "",
        is_first=below is None,
        is_reviewer=is_reviewer(request),
    )


def _items(changes: list[Change]) -> list[Item]:
    numbers = [change.row.version for change in changes]
    return [
        Item(
            row=change.row,
            before=before,
            keys=[_(KEYS_IN_WORDS[k].label) if k in KEYS_IN_WORDS else k for k in change.keys],
        )
        for change, (_version, before) in zip(changes, pairwise(chain(numbers, [0])), strict=True)
    ]
