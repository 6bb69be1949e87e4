"""A posted judgement, with the turn that it is of; and the page again where it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from aiohttp import web

from bot.admin.reviews.common import read_id, read_uuid
from bot.admin.reviews.judgement_form import JudgementForm
from bot.admin.reviews.turn_page import Opened, Shown, open_turn, render
from bot.admin.reviews.view_models import shown_answer
from bot.admin.web.audit import entry
from bot.admin.web.forms import read_form
from bot.admin.web.language import translate as _
from bot.admin.web.pages import error_page
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.reviews import Judgement
from bot.privacy.masking_thread import run_masking
from bot.store.reviews.judgements import Outcome, Writing

NO_TURN = "검토할 답변을 찾을 수 없습니다. 삭제되었거나 주소가 잘못되었을 수 있습니다."
STALE = (
    "로그인이 바뀌어 저장하지 않았습니다. 입력한 내용은 그대로 있으니 확인하고 다시 저장해 주세요."
)
_REFUSALS: Mapping[Outcome, str] = {
    Outcome.CLOSED: (
        "그사이 대기열이 닫혀 저장하지 않았습니다. 입력한 내용은 그대로 있습니다. 대기열을 다시 연"
        " 뒤 저장하거나, 대화 페이지에서 대기열 없이 판정해 주세요."
    ),
    Outcome.HELD: (
        "다른 검토자가 이 답변을 검토하고 있어 저장하지 않았습니다. 입력한 내용은 그대로 있습니다."
        " 예약이 끝난 뒤 다시 저장하거나 다음 답변으로 넘어가 주세요."
    ),
    Outcome.COMPLETE: (
        "그사이 다른 검토자가 이 답변의 검토를 마쳐 저장하지 않았습니다. 입력한 내용은 그대로"
        " 있습니다. 의견을 더 남기려면 한 번 더 저장해 주세요."
    ),
    Outcome.CHANGED: (
        "그사이 저장된 판정이 바뀌어 저장하지 않았습니다. 지금 저장된 내용은 아래 기록에 있습니다."
        " 그래도 바꾸려면 한 번 더 저장해 주세요."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form of the page of a turn."""

    opened: Opened
    form: JudgementForm
    act: str
    answer: str  #: masked, as the page has shown it
    queue_id: int | None  #: None: the turn is not, or no longer, in the queue

    @property
    def turn_id(self) -> UUID:
        """The turn's id."""
        return self.opened.found.turn.id

    def writing(self, user: int) -> Writing:
        """Who writes what, for the store."""
        return Writing(
            turn_id=self.turn_id,
            user_id=user,
            version=self.form.version,
            queue_id=self.queue_id,
            anyway=self.form.anyway,
        )

    def entry(
        self, request: web.Request, action: AuditAction, judgement: Judgement | None = None
    ) -> AuditEntry:
        """The act for the audit log: codes, and never a word that was written."""
        details: dict[str, Any] = {"queue": self.queue_id} if self.queue_id else {}
        if judgement:
            details |= {
                "verdict": judgement.verdict.value,
                "reasons": [reason.value for reason in judgement.reasons],
                "corrected": judgement.correction is not None,
            }
        return entry(request, action, f"turn:{self.turn_id}", details=details)


async def read_sent(request: web.Request) -> Sent | None:
    """The posted form, and the turn that it is of; None: there is no such turn."""
    fields = await read_form(request)
    turn_id = read_uuid(request.match_info["id"])
    queue_id = read_id(fields.get("queue", ""))
    opened = await open_turn(request, turn_id, queue_id) if turn_id else None
    if opened is None:
        return None
    turn = opened.found.turn
    return Sent(
        opened=opened,
        form=JudgementForm.read(fields),
        act=fields.get("act", ""),
        answer=await run_masking(lambda: shown_answer(turn)),
        queue_id=queue_id if opened.place else None,
    )


async def refuse(
    request: web.Request, sent: Sent, outcome: Outcome, user: int, *, decision: bool = False
) -> web.StreamResponse:
    """The page as it is now, with what was typed, and why it was not saved."""
    opened = await open_turn(request, sent.turn_id, sent.queue_id)
    if opened is None or outcome not in _REFUSALS:
        return error_page(request, 404, _(NO_TURN))
    stored = opened.found.decided if decision else opened.found.review_of(user)
    form = sent.form.at_version(stored.version if stored else 0)
    if outcome is Outcome.COMPLETE:
        form = replace(form, anyway=True)
    shown = Shown(
        form=None if decision else form,
        decision=form if decision else None,
        problems=(_(_REFUSALS[outcome]),),
        status=409,
    )
    return await render(request, opened, shown)


def turn_address(request: web.Request, turn_id: UUID, queue_id: int | None) -> str:
    """The page of a turn, in a queue or without one."""
    url = request.app.router["review"].url_for(id=str(turn_id))
    return str(url.with_query(queue=str(queue_id)) if queue_id else url)


def next_address(request: web.Request, turn_id: UUID | None, queue_id: int) -> str:
    """The next turn of a queue; the queue's own page where there is none."""
    if turn_id is not None:
        return turn_address(request, turn_id, queue_id)
    return str(request.app.router["review_queue"].url_for(id=str(queue_id)).with_query(end="1"))
