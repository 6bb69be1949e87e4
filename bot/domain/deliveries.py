"""Deliveries: the routes of an answer, its state, the outcome of an attempt."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from bot.domain.posts import FinishedPost

#: The due time of an answer without a callback, from the receipt of its question.
WANTED_WITHIN = timedelta(seconds=60)


class DeliveryVia(StrEnum):
    """The route by which a turn's outcome reaches the messenger."""

    SYNC = "sync"  #: in the webhook's own response
    CALLBACK = "callback"  #: one POST to the URL that came with the webhook
    POST = "post"  #: a call to the messenger that may be repeated
    HELD = "held"  #: kept until the person asks for it with a button


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    SENDING = "sending"  #: claimed: one process is on the wire with it
    HELD = "held"  #: the person has a button to fetch it
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"  #: sent, without a response: never sent again blindly
    FAILED = "failed"  #: refused by the messenger, or every attempt failed
    EXPIRED = "expired"  #: not fetched in time


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHandle:
    """The address and the time limits of an answer. Opaque to all but its messenger."""

    via: DeliveryVia  #: the first route to try
    address: dict[str, Any] = field(default_factory=dict)  #: JSON-ready: URLs, ids
    #: Until then only the webhook's own response may deliver; aware UTC.
    sync_until: datetime | None = None
    #: The end of the callback URL's budget; aware UTC. None: there is no callback.
    callback_until: datetime | None = None
    #: After this the answer is worthless; aware UTC.
    expires_at: datetime

    def due(self, received_at: datetime) -> datetime:
        """The due time of the answer: the callback's end, or a minute after the question.

        An answer held from the start yields to all that can still be in time, except to people who
        were served while it waited.
        """
        if self.via is DeliveryVia.HELD:
            return self.expires_at
        return self.callback_until or received_at + WANTED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a person has seen beside the text of an answer; to be recorded with its outcome."""

    expired: tuple[UUID, ...] = ()  #: turns whose expiry the answer told
    notice_version: str = ""  #: of the notice that an AI answers
    finished: FinishedPost | None = None  #: the answer's last message, where messages are recorded


NOTHING_SEEN = Seen()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer for a messenger to show."""

    turn_id: UUID
    text: str  #: the model's Markdown, or one of the bot's own sentences
    answered: bool = True  #: False: one of the bot's own sentences, in place of an answer
    ai_notice: bool = False  #: show that an AI wrote it (Korean AI Basic Act, in force 2026-01-22)
    ai_notice_text: str = ""  #: in the words of its scope; empty: in the catalogue's
    truncated: bool = False  #: the model stopped at a limit, perhaps in the middle of a sentence
    stopped: bool = False  #: stopped on request: ``text`` is what was written by then
    begins_anew: bool = False  #: tell that a new conversation began after a long silence
    hold: bool = False  #: offer the button that fetches this turn's answer later
    earlier: tuple[UUID, ...] = ()  #: turns of this conversation whose held answer is ready
    #: Turns of this conversation whose answer expired unseen: the answer carries a notice of it.
    expired: tuple[UUID, ...] = ()

    @property
    def notice_version(self) -> str:
        """The version of the notice's text, for the log; "" without a notice."""
        return notice_version(self.ai_notice_text) if self.ai_notice else ""

    def seen(self, finished: FinishedPost | None = None) -> Seen:
        """What the person has seen, once the answer was shown."""
        return Seen(
            expired=tuple(self.expired), notice_version=self.notice_version, finished=finished
        )

    def notice(self, usual: str) -> str:
        """The sentence that an AI wrote it, in its scope's words or the ``usual`` ones; or ""."""
        return (self.ai_notice_text or usual) if self.ai_notice else ""


def notice_version(text: str) -> str:
    """The version of the notice that an AI answers: the beginning of its text's digest."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Outcome(StrEnum):
    """The outcome of one attempt to deliver."""

    DELIVERED = "delivered"
    REFUSED = "refused"  #: a definite refusal, final
    RETRY = "retry"  #: a definite refusal for now; nothing was shown to the person
    UNCONFIRMED = "unconfirmed"  #: it may or may not have been shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """The outcome of one attempt, with the messenger's error text for support."""

    outcome: Outcome
    detail: str = ""  #: short, without personal data or secrets
    retry_after_s: float | None = None
    tried: bool = True  #: False: nothing was sent, and the attempt does not count
    finished: FinishedPost | None = None  #: becomes final with the record of the outcome
