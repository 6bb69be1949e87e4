"""The page on which a turn is judged, as everybody may see it who may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.admin.login.identity import USER
from bot.admin.reviews.diff import Part, changes, shortened
from bot.admin.reviews.fitting import fitted
from bot.admin.reviews.judgement_form import JudgementForm
from bot.admin.reviews.view_models import TurnView, shown_answer, turn_view
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.unmasking.unmasked import UNMASKED
from bot.admin.web import labels
from bot.admin.web.audit import record
from bot.admin.web.pages import DATABASE, page
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.domain.reviews import MAX_CORRECTION_CHARS, MAX_REVIEW_NOTE_CHARS
from bot.privacy.masking import mask, masking
from bot.privacy.masking_thread import run_masking
from bot.store.reviews import items, queues, reading
from bot.store.reviews.items import Item, Neighbours
from bot.store.reviews.queues import Queue
from bot.store.reviews.reading import TurnUnderReview, WrittenReview

#: Of answer, correction and the changes between them: the page stays below 60 kB.
MAX_SHOWN_CHARS = 15_000
_MIN_CHANGES_CHARS = 500
#: Of both corrections, the own one and the adjudicator's, on one page.
MAX_BOTH_CHARS = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a queue the turn is."""

    queue: Queue
    item: Item
    neighbours: Neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A turn that was read to be shown."""

    found: TurnUnderReview
    place: Place | None  #: None: it is shown without a queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown beside the turn: forms as they were posted, sentences, and a status."""

    form: JudgementForm | None = None  #: None: as it is stored
    decision: JudgementForm | None = None
    problems: Sequence[str] = ()
    notice: str = ""
    status: int = 200


async def open_turn(request: web.Request, turn_id: UUID, queue_id: int | None) -> Opened | None:
    """Read the turn, and its place in the queue; None: there is no such turn, or no answer."""
    async with request.app[DATABASE].connect() as connection:
        found = await reading.read_turn(connection, turn_id)
        if found is None:
            return None
        place = await _place(connection, turn_id, queue_id) if queue_id else None
    return Opened(found=found, place=place)


async def _place(connection: AsyncConnection, turn_id: UUID, queue_id: int) -> Place | None:
    queue = await queues.find(connection, queue_id)
    item = await items.find_item(connection, queue_id, turn_id) if queue else None
    if queue is None or item is None:
        return None
    beside = await items.neighbours(connection, queue_id, item)
    return Place(queue=queue, item=item, neighbours=beside)


async def render(request: web.Request, opened: Opened, shown: Shown) -> web.Response:
    """The page, after the reading was written down."""
    until = await request.app[UNMASKED].until(request, opened.found.turn.conversation_id)
    whole, answer = await _view(request, opened.found, unmasked=until is not None)
    read = {"people": [whole.sender], "unmasked": until is not None}
    await record(request, AuditAction.REVIEW_READ, f"turn:{whole.id}", read)
    user, own = request[USER], opened.found.review_of(request[USER].id)
    forms = _forms(request, opened, shown, answer)
    view = await run_masking(lambda: fitted(whole, forms.typed))
    context: dict[str, Any] = {
        "turn": view,
        "unmasked_until": until,
        "place": opened.place,
        "own": own,
        "form": forms.own,
        "decision": forms.decision,
        "form_changes": await _changes(forms.own, answer, posted=shown.form is not None),
        "decision_changes": await _changes(
            forms.decision, answer, posted=shown.decision is not None
        ),
        "problems": shown.problems,
        "sentence": shown.notice,
        "form_open": shown.form is not None,
        "decision_open": forms.decides,
        "decision_apart": forms.apart,
        "shows_others": own is not None or not user.role.includes(Role.REVIEWER),
        "held_by_other": _held_by_other(request, opened.place),
        "verdicts": labels.translated(labels.VERDICTS),
        "reasons": labels.translated(labels.REASONS),
        "max_note": MAX_REVIEW_NOTE_CHARS,
        "max_correction": MAX_CORRECTION_CHARS,
    }
    return page(request, "review.html", shown.status, **context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forms:
    """Both forms, of which the page has one or two."""

    own: JudgementForm
    decision: JudgementForm
    decides: bool  #: only the adjudicator's is shown
    apart: bool  #: the adjudicator's is long, and stands on a page of its own
    typed: Sequence[str]  #: the texts in those that are shown


def _forms(request: web.Request, opened: Opened, shown: Shown, answer: str) -> _Forms:
    role, own = request[USER].role, opened.found.review_of(request[USER].id)
    form = shown.form or _stored(own, answer)
    decision = shown.decision or _stored_decision(opened, answer)
    may_decide = role.includes(Role.ADMIN) and shown.form is None
    decides = shown.decision is not None or (may_decide and "decide" in request.query)
    apart = not decides and len(form.correction) + len(decision.correction) > MAX_BOTH_CHARS
    present = [form] if role.includes(Role.REVIEWER) and not decides else []
    present += [decision] if may_decide and not apart else []
    typed = [text for one in present for text in (one.correction, one.note)]
    return _Forms(own=form, decision=decision, decides=decides, apart=apart, typed=typed)


async def _view(
    request: web.Request, found: TurnUnderReview, *, unmasked: bool
) -> tuple[TurnView, str]:
    """The turn as the user may see it, and its answer for the form.

    A correction becomes a model's, so it begins with the masked answer whoever writes it.
    """
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    messengers = labels.translated(known)
    with masking(on=not unmasked):
        view = await run_masking(lambda: turn_view(found, messengers))
    if not unmasked:
        return view, view.said.answer
    return view, await run_masking(lambda: shown_answer(found.turn))


def _stored(own: WrittenReview | None, answer: str) -> JudgementForm:
    if own is None:
        return JudgementForm.of(None, "", 0, answer)
    return JudgementForm.of(own.judgement, own.note, own.version, answer)


def _stored_decision(opened: Opened, answer: str) -> JudgementForm:
    """The adjudicator's form: as it was decided, else with the newest correction to start from."""
    decided = opened.found.decided
    if decided:
        return JudgementForm.of(decided.judgement, decided.note, decided.version, answer)
    said = [one.judgement for one in opened.found.reviews if one.judgement]
    corrections = [one.correction for one in said if one.correction is not None]
    begun = JudgementForm.of(None, "", 0, answer)
    return JudgementForm(correction=corrections[-1]) if corrections else begun


async def _changes(form: JudgementForm, answer: str, *, posted: bool) -> Sequence[Part]:
    """What a posted correction changes; what is stored is shown with its review."""
    corrected = form.corrected(answer) if posted else None
    if corrected is None or len(corrected) > MAX_CORRECTION_CHARS:
        return ()
    room = max(MAX_SHOWN_CHARS - len(answer) - len(corrected), _MIN_CHANGES_CHARS)
    return await run_masking(lambda: shortened(changes(answer, mask(corrected)), room))


def _held_by_other(request: web.Request, place: Place | None) -> bool:
    holder = place.item.holder if place else None
    return holder is not None and holder != request[USER].name
