"""A turn as its person saw it: the message, and the bubbles that came for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bot.admin.reading.bounds import bounded, html_bytes
from bot.admin.reading.explanations import DELIVERIES, explained
from bot.admin.reading.keys import ObjectKeys
from bot.admin.reading.parts import AnswerDisplay
from bot.admin.web import labels
from bot.admin.web.badges import Badge, badge_of
from bot.admin.web.language import translate as _
from bot.domain.answer_views import AnswerView, Place, ShownMessage
from bot.domain.deliveries import DeliveryState
from bot.domain.turns import Person, TurnStatus
from bot.privacy.cutting import whole_beginning
from bot.privacy.masking import mask, pseudonym
from bot.store.deliveries import DEAD_LETTERS
from bot.store.reading.conversation import MAX_TEXT_CHARS, SpokenTurn
from bot.store.turn_outcomes import TurnOutcome
from inference_queue.protocol import FailureReason

#: Of a question, and of the bubbles of its answer, in bytes of HTML.
MAX_QUESTION_BYTES, MAX_ANSWER_BYTES = 3_500, 9_500
MAX_TURN_BYTES = MAX_QUESTION_BYTES + MAX_ANSWER_BYTES

PLACES: Mapping[str, str] = {
    Place.THREAD: "스레드에 보임",
    Place.CHANNEL: "채널의 모두에게 보임",
    Place.ONLY_ASKER: "질문한 사람에게만 보임",
    Place.SERVICE: "사내 메신저가 표시",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenItem:
    """A turn on the page."""

    id: UUID
    seq: int
    sender: str
    person_key: str
    question: str
    media_count: int
    notes: tuple[str, ...]  #: what is special about the turn, each in a few words
    messages: tuple[ShownMessage, ...]  #: empty: there is no answer yet
    caption: str  #: why the person may not have seen the answer; "" where they have
    status: Badge
    delivery: Badge | None
    received_at: datetime
    latency: str
    tokens: str
    good: int
    bad: int
    is_cut: bool  #: the page of the turn shows more
    is_dead_letter: bool
    has_answer: bool  #: of the model's, to be reviewed; others are the bot's sentences

    @property
    def bytes(self) -> int:
        """The bytes of its texts in the page."""
        shown = (text for message in self.messages for text in (*message.bubbles, message.behind))
        labels_ = (label for message in self.messages for label in message.buttons)
        return sum(map(html_bytes, (self.question, *shown, *labels_, *self.notes)))


def spoken_item(
    row: SpokenTurn, outcome: TurnOutcome | None, display: AnswerDisplay, keys: ObjectKeys
) -> SpokenItem:
    """The turn with its texts masked and bounded."""
    view = None if outcome is None else display.view(_beginning(outcome), row.delivery_via)
    question = mask(whole_beginning(row.text, MAX_TEXT_CHARS))
    shown = bounded(question, MAX_QUESTION_BYTES)
    messages, is_cut = _bounded(view.messages if view else ())
    latency_ms = labels.elapsed_ms(row.received_at, row.delivered_at or row.settled_at)
    person = Person(messenger=row.messenger, tenant=row.tenant, sender=row.sender)
    return SpokenItem(
        id=row.id,
        seq=row.seq,
        sender=pseudonym(row.messenger, row.tenant, row.sender),
        person_key=keys.of_person(person),
        question=shown,
        media_count=row.media_count,
        notes=tuple(notes_of(row, view)),
        messages=messages,
        caption=unseen(row.delivery_state) if view else "",
        status=badge_of(row.status, labels.STATUSES),
        delivery=badge_of(row.delivery_state, labels.DELIVERY_STATES)
        if row.delivery_state
        else None,
        received_at=row.received_at,
        latency=labels.duration(latency_ms),
        tokens=labels.tokens(row.prompt_tokens, row.completion_tokens),
        good=row.good,
        bad=row.bad,
        is_cut=is_cut or row.is_shortened or len(shown) < len(question),
        is_dead_letter=row.delivery_state in DEAD_LETTERS,
        has_answer=row.answer_chars is not None,
    )


def unseen(state: str | None) -> str:
    """Why the person may not have seen the answer; "" where it was delivered."""
    if state is None:
        return _("전달 기록이 없는 답변입니다.")
    found = None if state == DeliveryState.DELIVERED else explained(state, DELIVERIES)
    return found.sentence if found else ""


def notes_of(row: SpokenTurn, view: AnswerView | None) -> Iterator[str]:
    """What is special about a turn, each in a few words."""
    if row.regenerates:
        yield _("다시 답변")
    if row.continues:
        yield _("이어서 답변")
    if row.merged_into or row.status == TurnStatus.MERGED:
        yield _("다음 질문과 함께 답변")
    if row.stopped_by is not None:
        yield _("사용자가 멈춤") if row.stopped_by else _("메신저가 멈춤")
    if row.media_count:
        declined = row.failure_reason == FailureReason.NO_VISION
        yield _("사진 거절") if declined else _("사진 {count}장", count=row.media_count)
    if row.was_live:
        yield _("쓰는 동안 보임")
    if view is not None and view.place is not Place.CHAT:
        yield _(PLACES[view.place])


def _beginning(outcome: TurnOutcome) -> TurnOutcome:
    """The same with as much of the answer as the page of a conversation shows."""
    answer = outcome.answer
    return replace(outcome, answer=answer and whole_beginning(answer, MAX_TEXT_CHARS))


def _bounded(messages: tuple[ShownMessage, ...]) -> tuple[tuple[ShownMessage, ...], bool]:
    """The messages that fit, the last bubble cut; whether anything is left out."""
    left, kept = MAX_ANSWER_BYTES, []
    for message in messages:
        bubbles = []
        for bubble in message.bubbles:
            shown = bounded(bubble, max(left, 0))
            if shown:
                bubbles.append(shown)
            if len(shown) < len(bubble):
                kept.append(replace(message, bubbles=tuple(bubbles), buttons=()))
                return tuple(kept), True
            left -= html_bytes(shown)
        kept.append(replace(message, bubbles=tuple(bubbles)))
    return tuple(kept), False
