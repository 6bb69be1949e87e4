"""What else happens to a user's draft: it is discarded, or moved onto a newer version."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.bot_settings.scopes import UnreadableError, address, scope_in
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.configs import drafts
from bot.domain.audit import AuditAction
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.store import audit_log, config_drafts
from bot.store.config_drafts import Draft, DraftChangedError

_DRAFT_GONE = "초안이 그사이 바뀌었거나 없어졌습니다. 지금 상태를 확인해 주세요."


@needs(Role.REVIEWER)
async def discard_draft(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/draft/discard: delete the user's draft."""
    try:
        scope = scope_in(request, await read_form(request))
        async with request.app[DATABASE].begin() as connection:
            draft = await seen_draft(request, connection, scope, request[USER].name)
            await config_drafts.discard(connection, draft)
            act = entry(request, AuditAction.DRAFT_DISCARDED, f"config:{scope}")
            await audit_log.append(connection, [act])
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    except DraftChangedError:
        return draft_gone(request)
    raise web.HTTPSeeOther(address(request, "bot_settings_scope", scope, done="discarded"))


@needs(Role.REVIEWER)
async def move_draft(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/draft/move: put the draft's changes onto the live version."""
    try:
        scope = scope_in(request, await read_form(request))
        async with request.app[DATABASE].begin() as connection:
            draft = await seen_draft(request, connection, scope, request[USER].name)
            contested = await drafts.move_onto_live(connection, draft)
            details = {"keys": contested}
            act = entry(request, AuditAction.DRAFT_MOVED, f"config:{scope}", details=details)
            await audit_log.append(connection, [act])
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    except DraftChangedError:
        return draft_gone(request)
    contested_words = ",".join(contested)
    raise web.HTTPSeeOther(
        address(request, "bot_settings_compare", scope, done="moved", contested=contested_words)
    )


async def seen_draft(
    request: web.Request, connection: AsyncConnection, scope: Scope, owner: str
) -> Draft:
    """The owner's draft, locked, as the posted form has shown it. Raises DraftChangedError."""
    draft = await config_drafts.find(connection, owner, scope, lock=True)
    if draft is None or str(draft.revision) != (await read_form(request)).get("revision", ""):
        raise DraftChangedError
    return draft


def draft_gone(request: web.Request) -> web.Response:
    """The draft is no longer what the page has shown."""
    return error_page(request, 409, _(_DRAFT_GONE))
