"""A draft goes live, or an old version comes back: each a new version, with a reason."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.bot_settings.comparing import comparison_page
from bot.admin.bot_settings.draft_acts import draft_gone, seen_draft
from bot.admin.bot_settings.scopes import UnreadableError, address, scope_in, version_in
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import MAX_REASON_CHARS, read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.configs import drafts, versions
from bot.configs.reader import MAX_SCOPES
from bot.configs.versions import (
    Change,
    NoSuchVersionError,
    Origin,
    OutdatedError,
    TooManyScopesError,
)
from bot.domain.audit import AuditAction
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text, has_visible
from bot.store import audit_log
from bot.store.config_drafts import DraftChangedError

_NO_NOTE = "왜 바꾸는지 사유를 입력해 주세요. 나중에 기록에서 이유를 찾을 수 있습니다."
_OUTDATED = "그사이 다른 사람이 새 버전({version})을 게시했습니다. 아래 차이를 다시 확인해 주세요."
_TOO_MANY = "설정한 범위가 {count}개에 이르러 더 만들 수 없습니다."

_Form = Mapping[str, str]


@needs(Role.ADMIN, keeps_text=True)
async def publish_draft(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/publish: make a draft the live version."""

    async def publish(connection: AsyncConnection, scope: Scope, form: _Form) -> Change | None:
        owner = clean_text(form.get("owner", "")) or request[USER].name
        draft = await seen_draft(request, connection, scope, owner)
        origin = _origin(request, form, seen=draft.base_version)
        change = await drafts.publish(connection, draft, origin)
        if change:
            await _log(request, connection, AuditAction.CONFIG_PUBLISHED, change, owner=owner)
        return change

    return await _act(request, "published", publish)


@needs(Role.ADMIN, keeps_text=True)
async def restore_version(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/restore: make an old version the live one again."""

    async def restore(connection: AsyncConnection, scope: Scope, form: _Form) -> Change | None:
        old, seen = version_in(form.get("version", "")), version_in(form.get("seen", ""))
        origin = _origin(request, form, seen=seen)
        change = await versions.restore(connection, scope, old, origin)
        if change:
            await _log(request, connection, AuditAction.CONFIG_RESTORED, change, restores=old)
        return change

    return await _act(request, "restored", restore)


_Work = Callable[[AsyncConnection, Scope, _Form], Coroutine[Any, Any, Change | None]]


async def _act(request: web.Request, done: str, work: _Work) -> web.StreamResponse:
    """Do the work in one transaction, and say what stood against it."""
    form = await read_form(request)
    shown = {**form, "from": "live", "to": form.get("version") or "draft"}
    if not has_visible(form.get("note", "")):
        return await comparison_page(request, shown, 400, sentence=_(_NO_NOTE))
    try:
        scope = scope_in(request, form)
        async with request.app[DATABASE].begin() as connection:
            change = await work(connection, scope, form)
    except (UnreadableError, NoSuchVersionError) as error:
        sentence = str(error) if isinstance(error, UnreadableError) else ""
        return error_page(request, 404, sentence)
    except DraftChangedError:
        return draft_gone(request)
    except OutdatedError as error:
        sentence = _(_OUTDATED, version=error.live)
        return await comparison_page(request, shown, 409, sentence=sentence)
    except TooManyScopesError:
        sentence = _(_TOO_MANY, count=f"{MAX_SCOPES:,}")
        return await comparison_page(request, shown, 409, sentence=sentence)
    word = done if change else "same"
    raise web.HTTPSeeOther(address(request, "bot_settings_scope", scope, done=word))


def _origin(request: web.Request, form: _Form, *, seen: int) -> Origin:
    note = clean_text(form.get("note", ""))[:MAX_REASON_CHARS]
    return Origin(author=request[USER].name, note=note, seen=seen)


async def _log(
    request: web.Request,
    connection: AsyncConnection,
    action: AuditAction,
    change: Change,
    **details: object,
) -> None:
    row = change.row
    act = entry(
        request,
        action,
        f"config:{row.scope}",
        reason=row.note,
        details={"version": row.version, "keys": change.keys, **details},
    )
    await audit_log.append(connection, [act])
