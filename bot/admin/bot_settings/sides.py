"""The two sides of a comparison: what is live, a draft, an old version, or what is inherited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.bot_settings.inherited import DEPLOYMENT, inherited_values
from bot.admin.bot_settings.scopes import UnreadableError, version_in
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.configs import drafts
from bot.configs.keys import KEYS, usable_values
from bot.configs.versions import NoSuchVersionError, as_object, exact_row, live_row
from bot.domain.bot_config import Scope
from bot.store import bot_configs, config_drafts
from bot.store.bot_configs import StoredConfig
from bot.store.config_drafts import Draft

LIVE, DRAFT, INHERITED, NOTHING = "live", "draft", "inherited", "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: its words and values, and the draft or version that it is."""

    name: str  #: as in the address
    label: str
    values: Mapping[str, Any]
    draft: Draft | None = None
    row: StoredConfig | None = None


async def read_side(
    request: web.Request, connection: AsyncConnection, scope: Scope, name: str, owner: str
) -> Side:
    """The side that an address names; ``owner``: whose draft. Raises UnreadableError."""
    match name:
        case "live":
            row = await live_row(connection, scope)
            if row is None:
                return Side(name=name, label=_("지금 설정 (없음)"), values={})
            label = _("지금 설정 (버전 {version})", version=row.version)
            return Side(name=name, label=label, values=as_object(row.values), row=row)
        case "draft":
            return await _draft_side(connection, scope, owner)
        case "inherited":
            return await _inherited_side(request, connection, scope)
        case "0":
            return Side(name=name, label=_("설정 없음"), values={})
    return await _version_side(connection, scope, version_in(name))


async def _draft_side(connection: AsyncConnection, scope: Scope, owner: str) -> Side:
    draft = await config_drafts.find(connection, owner, scope)
    if draft is None:
        raise UnreadableError(_("이 범위에는 그 사용자의 초안이 없습니다."))
    label = _("{owner} 님의 초안 ({moment})", owner=owner, moment=labels.stamp(draft.saved_at))
    # What this program cannot use stays as it is live, and is no difference.
    row = await live_row(connection, scope)
    unusable = usable_values(row.values)[1] if row else {}
    kept = {key: value for key, value in as_object(row and row.values).items() if key in unusable}
    return Side(name=DRAFT, label=label, values=kept | drafts.known(draft), draft=draft)


async def _inherited_side(request: web.Request, connection: AsyncConnection, scope: Scope) -> Side:
    rows = await bot_configs.at_version(connection, scope.chain)
    found = inherited_values(request.app[DEPLOYMENT], scope, rows, KEYS)
    values = {key: one.value for key, one in found.items() if one.value is not None}
    return Side(name=INHERITED, label=_("물려받는 값"), values=values)


async def _version_side(connection: AsyncConnection, scope: Scope, version: int) -> Side:
    try:
        row = await exact_row(connection, scope, version)
    except NoSuchVersionError:
        raise UnreadableError(
            _("이 범위에는 그런 버전({version})이 없습니다.", version=version)
        ) from None
    label = _("버전 {version}", version=version)
    return Side(name=str(version), label=label, values=as_object(row.values), row=row)
