"""The form of one scope, and the draft that it is saved to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.admin.bot_settings.comparison import (
    MAX_CHARS_BESIDE_FORM,
    compare_values,
    shortened,
)
from bot.admin.bot_settings.desk import Desk, read_desk
from bot.admin.bot_settings.fields import as_typed, read_fields
from bot.admin.bot_settings.form_page import form_page
from bot.admin.bot_settings.scopes import UnreadableError, address, scope_in, version_in
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page
from bot.configs import drafts
from bot.configs.reader import REFRESH_S
from bot.configs.versions import NoSuchVersionError, changed_keys
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import audit_log, config_drafts
from bot.store.config_drafts import MAX_DRAFTS, DraftChangedError, TooManyDraftsError

#: The longest prompt and sentences in percent-encoded UTF-8, and some room.
MAX_SETTINGS_BYTES = 512 * 1024
_SAVED_ELSEWHERE = (
    "다른 창에서 이 초안이 먼저 바뀌었습니다. 여기 입력한 내용은 아직 저장되지 않았습니다."
    " 아래 차이를 확인하고 다시 저장하면 이 내용으로 바뀝니다."
)
_TOO_MANY = "초안은 {count}개까지 둘 수 있습니다. 쓰지 않는 초안을 먼저 버려 주세요."
_HAS_PROBLEMS = "저장하지 못했습니다. 표시한 칸 {count}개를 고쳐 주세요."
#: What the page says after an act, by the word in its address.
_DONE = {
    "saved": "초안을 저장했습니다. 게시하기 전에는 어떤 봇에도 적용되지 않습니다.",
    "unchanged": "바뀐 것이 없어 초안을 만들지 않았습니다.",
    "discarded": "초안을 버렸습니다.",
    "published": (
        "게시했습니다. {seconds}초 안에 모든 봇에 적용됩니다. 아래에서 봇마다 적용되었는지 볼 수"
        " 있습니다."
    ),
    "same": "지금 설정과 같아서 새 버전을 만들지 않았습니다.",
    "restored": (
        "되돌렸습니다. {seconds}초 안에 모든 봇에 적용됩니다. 아래에서 봇마다 적용되었는지 볼 수"
        " 있습니다."
    ),
}
#: The pages to which the form's buttons lead, by what they send.
_NEXT = {"compare": "bot_settings_compare", "sandbox": "bot_settings_sandbox"}


@needs(Role.VIEWER)
async def show_scope(request: web.Request) -> web.StreamResponse:
    """GET /admin/bot-settings/scope: what a scope sets and inherits, in a form for drafts."""
    try:
        desk = await read_desk(request, scope_in(request, request.query))
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    done = request.query.get("done", "")
    sentence = _(_DONE[done], seconds=f"{REFRESH_S:.0f}") if done in _DONE else ""
    return form_page(request, desk, as_typed(_drafted(desk)), sentence=sentence)


@needs(Role.REVIEWER, max_form_bytes=MAX_SETTINGS_BYTES, keeps_text=True)
async def save_draft(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/draft: save the form as the user's draft for the scope."""
    form = await read_form(request)
    try:
        desk = await read_desk(request, scope_in(request, form))
        base = version_in(form["base"]) if form.get("base", "0") != "0" else 0
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    values, problems = read_fields(form, _drafted(desk))
    if problems:
        sentence = _(_HAS_PROBLEMS, count=len(problems))
        return form_page(request, desk, form, 400, problems=problems, base=base, sentence=sentence)
    try:
        done = await _save(request, desk, values, base, form.get("revision", ""))
    except DraftChangedError:
        return await _saved_elsewhere(request, form, values)
    except TooManyDraftsError:
        return form_page(
            request, desk, form, 409, base=base, sentence=_(_TOO_MANY, count=MAX_DRAFTS)
        )
    except NoSuchVersionError:
        return error_page(request, 400, _("버전 번호를 읽을 수 없습니다."))
    raise web.HTTPSeeOther(_next(request, form, desk, done))


async def _save(
    request: web.Request, desk: Desk, values: Mapping[str, Any], base: int, revision: str
) -> str:
    """Save the values as a draft; the word for what was done.

    Raises DraftChangedError, TooManyDraftsError, NoSuchVersionError.
    """
    draft, owner = desk.draft, request[USER].name
    if (str(draft.revision) if draft else "") != revision:
        raise DraftChangedError
    async with request.app[DATABASE].begin() as connection:
        if draft:
            await config_drafts.save(connection, draft, values)
        else:
            if values == await drafts.own_values(connection, desk.scope, base):
                return "unchanged"
            await config_drafts.add(connection, owner, desk.scope, values, base_version=base)
        details = {"keys": changed_keys(desk.live, values)}
        act = entry(request, AuditAction.DRAFT_SAVED, f"config:{desk.scope}", details=details)
        await audit_log.append(connection, [act])
    return "saved"


async def _saved_elsewhere(
    request: web.Request, form: Mapping[str, str], values: Mapping[str, Any]
) -> web.Response:
    """What was typed, on top of the draft as another window has left it."""
    desk = await read_desk(request, scope_in(request, form))
    differences = shortened(await compare_values(_drafted(desk), values), MAX_CHARS_BESIDE_FORM)
    return form_page(
        request, desk, form, 409, sentence=_(_SAVED_ELSEWHERE), differences=differences
    )


def _drafted(desk: Desk) -> dict[str, Any]:
    """The values of the user's draft; those of the live version where there is none."""
    return drafts.known(desk.draft) if desk.draft else desk.live


def _next(request: web.Request, form: Mapping[str, str], desk: Desk, done: str) -> str:
    wanted = form.get("next", "")
    if done == "saved" and wanted in _NEXT:
        return address(request, _NEXT[wanted], desk.scope)
    return address(request, "bot_settings_scope", desk.scope, done=done)
