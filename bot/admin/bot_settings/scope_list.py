"""The scopes that set something: what, since when, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bot.admin.bot_settings.readers import read_spread
from bot.admin.bot_settings.scopes import words_of
from bot.admin.bot_settings.words import KEYS_IN_WORDS
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, page
from bot.configs.scopes import MAX_NAME_CHARS
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text
from bot.store import bot_configs, config_drafts
from bot.store.bot_configs import LiveScope

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One scope as the page shows it."""

    live: LiveScope
    words: str
    query: Mapping[str, str]  #: names the scope in an address
    depth: int  #: 0: everything, 1: a messenger, 2: a bot or workspace, 3: a room
    keys: list[str]  #: the labels of what it sets


@needs(Role.VIEWER)
async def show_scopes(request: web.Request) -> web.StreamResponse:
    """GET /admin/bot-settings: every scope with settings, the wider before the closer."""
    after = _cursor(request.query)
    async with request.app[DATABASE].connect() as connection:
        found = await bot_configs.list_live(connection, after=after, limit=PAGE_SIZE + 1)
        drafts = await config_drafts.list_of(connection, request[USER].name)
    shown = found[:PAGE_SIZE]
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    return page(
        request,
        "bot_settings.html",
        items=[_item(request, live) for live in shown],
        drafts=[(draft, words_of(request, draft.scope)) for draft in drafts],
        messengers=labels.translated(known),
        next_query=shown[-1].scope._asdict() if len(found) > PAGE_SIZE else None,
        is_first=after is None,
        spread=await read_spread(request),
    )


def _item(request: web.Request, live: LiveScope) -> Item:
    known = [key for key in KEYS_IN_WORDS if key in live.keys]
    unknown = [key for key in live.keys if key not in KEYS_IN_WORDS]
    return Item(
        live=live,
        words=words_of(request, live.scope),
        query=_query(live.scope),
        depth=sum(1 for part in live.scope if part),
        keys=[_(KEYS_IN_WORDS[key].label) for key in known] + unknown,
    )


def _cursor(query: Mapping[str, str]) -> Scope | None:
    """The last scope of the page before; perhaps of a messenger that is off now."""
    if "messenger" not in query:
        return None
    return Scope(*(clean_text(query.get(name, ""))[:MAX_NAME_CHARS] for name in Scope._fields))


def _query(scope: Scope) -> dict[str, str]:
    return {name: part for name, part in scope._asdict().items() if part}
