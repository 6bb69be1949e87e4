"""Turns as the live tail shows them: masked, shortened and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from bot.admin.turns.masked_beginning import masked_beginning
from bot.admin.turns.queries import before_for
from bot.admin.web import labels
from bot.privacy.masking import pseudonym
from bot.store.latest_turns import LatestTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveItem:
    """A turn in words; all of it is text, for a template or for a script to show as text."""

    id: str
    conversation_id: int
    before: int
    at: str
    messenger_name: str
    messenger: str
    sender: str
    question: str
    answer: str
    status: str
    shape: str
    tone: str
    latency: str

    def document(self) -> dict[str, object]:
        """JSON-ready, for the script."""
        return asdict(self)


def live_item(turn: LatestTurn, messengers: Mapping[str, str]) -> LiveItem:
    """The turn in words. Masking takes some milliseconds: not for the event loop."""
    failure = turn.failure_reason or ""
    ended = labels.elapsed_ms(turn.received_at, turn.settled_at)
    return LiveItem(
        id=str(turn.id),
        conversation_id=turn.conversation_id,
        before=before_for(turn.seq),
        at=labels.clock(turn.received_at),
        messenger_name=turn.messenger,
        messenger=messengers.get(turn.messenger, turn.messenger),
        sender=pseudonym(turn.messenger, turn.tenant, turn.sender),
        question=masked_beginning(turn.text) or "(글 없음)",
        answer=masked_beginning(turn.answer or "") or labels.FAILURES.get(failure, failure),
        status=labels.STATUSES.get(turn.status, turn.status),
        shape=labels.shape(turn.status),
        tone=labels.tone(turn.status),
        latency="" if ended is None else labels.duration(ended),
    )
