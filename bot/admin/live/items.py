"""Turns as the live tail shows them: masked, shortened and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bot.admin.turns.masked_beginning import masked_beginning
from bot.admin.turns.queries import before_for
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.privacy.masking import pseudonym
from bot.store.latest_turns import LatestTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveItem:
    """A turn, masked; its labels are stored values, which each viewer reads in their language."""

    id: str
    conversation_id: int
    before: int
    at: str
    messenger_name: str
    messenger: str
    sender: str
    question: str
    answer: str
    failure: str
    status: str
    latency_ms: float | None

    def document(self) -> dict[str, object]:
        """In the words of the request's language, for a template or a script to show as text."""
        words = {
            "messenger": _(self.messenger),
            "question": self.question or _("(글 없음)"),
            "answer": self.answer or labels.label(self.failure, labels.FAILURES),
            "status": labels.label(self.status, labels.STATUSES),
            "shape": labels.shape(self.status),
            "tone": labels.tone(self.status),
            "latency": "" if self.latency_ms is None else labels.duration(self.latency_ms),
        }
        return asdict(self) | words


def live_item(turn: LatestTurn, messengers: Mapping[str, str]) -> LiveItem:
    """The turn, masked. Masking takes some milliseconds: not for the event loop."""
    return LiveItem(
        id=str(turn.id),
        conversation_id=turn.conversation_id,
        before=before_for(turn.seq),
        at=labels.clock(turn.received_at),
        messenger_name=turn.messenger,
        messenger=messengers.get(turn.messenger, turn.messenger),
        sender=pseudonym(turn.messenger, turn.tenant, turn.sender),
        question=masked_beginning(turn.text),
        answer=masked_beginning(turn.answer or ""),
        failure=turn.failure_reason or "",
        status=turn.status,
        latency_ms=labels.elapsed_ms(turn.received_at, turn.settled_at),
    )
