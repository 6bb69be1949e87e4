"""The page of the sandbox chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from bot.admin.bot_settings.announced import adapter_warning
from bot.admin.bot_settings.desk import Desk, read_desk
from bot.admin.bot_settings.sandbox.chat import MAX_OPEN, Sandbox, TooManyOpenError
from bot.admin.bot_settings.sandbox.shortening import ShownQuestion, shortened
from bot.admin.bot_settings.scopes import UnreadableError, address, is_reviewer, scope_in, words_of
from bot.admin.login.access import needs
from bot.admin.login.identity import USER
from bot.admin.web import labels
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.admin.web.pages import DATABASE, error_page, page
from bot.admin.workers.views import WORKERS
from bot.configs.effective import merge, read_row
from bot.configs.keys import read_values
from bot.domain.audit import AuditAction
from bot.domain.bot_config import BotConfig, EffectiveConfig
from bot.domain.dashboard_users import Role
from bot.domain.sandbox import SandboxQuestion, SandboxSide
from bot.domain.turns import clean_text, has_visible
from bot.store import audit_log
from bot.store.sandbox import KEPT_HOURS, MAX_QUESTIONS
from bot.workers import WorkerRegistry

SANDBOX = web.AppKey("SANDBOX", Sandbox)

MAX_QUESTION_CHARS = 2000
#: A question in percent-encoded UTF-8, and some room.
MAX_QUESTION_BYTES = 64 * 1024
_EMPTY = "질문을 입력해 주세요."
_LONG = "질문은 {count}자까지 보낼 수 있습니다."
_WAIT = "앞선 질문의 답변을 기다려 주세요. 한 번에 답변 {count}개까지 기다릴 수 있습니다."
_NO_WORKER = (
    "지금 답할 수 있는 워커가 없습니다. 질문을 보내 두면 워커가 켜진 뒤에 답합니다."
    " 워커 페이지에서 상태를 확인하거나, 기다리는 질문을 취소해 주세요."
)
_UNKNOWN_WORKERS = "Valkey에 연결되지 않아 워커가 있는지 알 수 없습니다."
_UNREADABLE = {"unreadable": "워커의 결과를 읽을 수 없음"}

SIDES: dict[str, str] = {SandboxSide.DRAFT: "초안", SandboxSide.LIVE: "지금 설정"}


@needs(Role.REVIEWER)
async def show_sandbox(request: web.Request) -> web.StreamResponse:
    """GET /admin/bot-settings/sandbox: the user's chat with the draft of a scope."""
    try:
        desk = await read_desk(request, scope_in(request, request.query))
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    return await _chat_page(request, desk, both="both" in request.query)


@needs(Role.REVIEWER, max_form_bytes=MAX_QUESTION_BYTES, keeps_text=True)
async def ask(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/sandbox: ask with the draft, and with the live settings too."""
    form = await read_form(request)
    try:
        desk = await read_desk(request, scope_in(request, form))
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    question, both = clean_text(form.get("question", "")), bool(form.get("both"))
    if problem := _problem(question):
        return await _chat_page(
            request, desk, 400, both=both, typed=form.get("question", ""), sentence=problem
        )
    settings = _settings(desk, both=both)
    try:
        async with request.app[DATABASE].begin() as connection:
            await request.app[SANDBOX].ask(
                connection, request[USER].name, desk.scope, question, settings
            )
            details = {"sides": [side.value for side in settings]}
            act = entry(request, AuditAction.SANDBOX_ASKED, f"config:{desk.scope}", details=details)
            await audit_log.append(connection, [act])
    except TooManyOpenError:
        sentence = _(_WAIT, count=MAX_OPEN)
        return await _chat_page(request, desk, 409, both=both, typed=question, sentence=sentence)
    target = address(request, "bot_settings_sandbox", desk.scope, both="1" if both else "")
    raise web.HTTPSeeOther(target + "#newest")


@needs(Role.REVIEWER)
async def clear(request: web.Request) -> web.StreamResponse:
    """POST /admin/bot-settings/sandbox/clear: delete the user's chat, or what waits in it."""
    form = await read_form(request)
    try:
        scope = scope_in(request, form)
    except UnreadableError as error:
        return error_page(request, 400, str(error))
    async with request.app[DATABASE].begin() as connection:
        chats = request.app[SANDBOX]
        end = chats.give_up if form.get("part") == "waiting" else chats.clear
        await end(connection, request[USER].name, scope)
        act = entry(request, AuditAction.SANDBOX_CLEARED, f"config:{scope}")
        await audit_log.append(connection, [act])
    raise web.HTTPSeeOther(address(request, "bot_settings_sandbox", scope))


async def _chat_page(
    request: web.Request,
    desk: Desk,
    status: int = 200,
    *,
    both: bool,
    typed: str = "",
    sentence: str = "",
) -> web.Response:
    questions = await request.app[SANDBOX].read(request[USER].name, desk.scope)
    return page(
        request,
        "bot_settings_sandbox.html",
        status,
        desk=desk,
        scope=desk.scope,
        scope_query=desk.scope._asdict(),
        scope_words=words_of(request, desk.scope),
        questions=_shown(questions, request.query.get("only", "")),
        is_waiting=any(question.is_open for question in questions),
        both=both,
        typed=typed,
        sentence=sentence,
        is_bad=status >= 400,
        warning=_worker_warning(request.app[WORKERS]) or _adapter_warning(request, desk),
        sides=labels.translated(SIDES),
        outcomes=labels.translated(labels.FAILURES | labels.FINISH_REASONS | _UNREADABLE),
        seconds=labels.duration,
        max_questions=MAX_QUESTIONS,
        kept_hours=KEPT_HOURS,
        is_reviewer=is_reviewer(request),
    )


def _shown(questions: Sequence[SandboxQuestion], only: str) -> list[ShownQuestion]:
    """The questions of the page; ``only``: the id of one that is shown alone, and whole."""
    alone = [one for one in questions if one.id == whole_number(only)]
    return [ShownQuestion(one, is_cut=False) for one in alone] or shortened(questions)


def _problem(question: str) -> str:
    """Why a question cannot be asked; "" where it can."""
    if not has_visible(question):
        return _(_EMPTY)
    too_long = len(question) > MAX_QUESTION_CHARS
    return _(_LONG, count=f"{MAX_QUESTION_CHARS:,}") if too_long else ""


def _settings(desk: Desk, *, both: bool) -> Mapping[SandboxSide, BotConfig]:
    """The settings of each side that is asked; without a draft the live ones alone."""
    live = merge(read_row(row) for row in desk.chain).values
    if not desk.draft:
        return {SandboxSide.LIVE: live}
    wider = [read_row(row) for row in desk.chain if row.scope != desk.scope]
    own = EffectiveConfig(values=read_values(desk.draft.values)[0])
    drafted = {SandboxSide.DRAFT: merge([*wider, own]).values}
    return drafted | {SandboxSide.LIVE: live} if both else drafted


def _adapter_warning(request: web.Request, desk: Desk) -> str:
    """Why a question asked now would wait for its adapter; "" where nothing is known."""
    values = next(iter(_settings(desk, both=False).values()))
    return adapter_warning(request, values.adapter)


def _worker_warning(workers: WorkerRegistry) -> str:
    """Why no answer may come; "" where a worker is ready."""
    if workers.workers is None:
        return _(_UNKNOWN_WORKERS)
    return "" if workers.ready else _(_NO_WORKER)
