"""Deliveries: where an answer may go, how far it has come, what came of an attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

#: When an answer without a callback is first wanted, from its receipt.
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
    HELD = "held"  #: the person was told how to fetch it
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"  #: it went out and no answer came back: never sent again blindly
    FAILED = "failed"  #: the messenger refused it, or every try failed
    EXPIRED = "expired"  #: nobody came for it in time


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHandle:
    """Where and until when the answer may go. Opaque to all but the messenger that made it."""

    via: DeliveryVia  #: the first route to try
    address: dict[str, Any] = field(default_factory=dict)  #: JSON-ready: URLs, ids
    #: Until then only the webhook's own response may deliver; aware UTC.
    sync_until: datetime | None = None
    #: The callback URL is good until then; aware UTC. None: there is no callback.
    callback_until: datetime | None = None
    #: After this the answer is worthless; aware UTC.
    expires_at: datetime

    def due(self, received_at: datetime) -> datetime:
        """When the answer is first wanted: at the callback's end, or a minute after the question.

        What is held from the start lets all go first that can still be in time.
        """
        if self.via is DeliveryVia.HELD:
            return self.expires_at
        return self.callback_until or received_at + WANTED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a messenger is asked to show."""

    turn_id: UUID
    text: str  #: Markdown as the model wrote it, or one of the bot's own sentences
    answered: bool = True  #: False: one of the bot's own sentences, in place of an answer
    ai_notice: bool = False  #: say that an AI wrote this (Korean AI Basic Act, in force 2026-01-22)
    hold: bool = False  #: offer the button that fetches this turn's answer later
    earlier: tuple[UUID, ...] = ()  #: held answers of this conversation that are ready by now
    #: Turns of this conversation whose answer expired unseen: say once that one is gone.
    expired: tuple[UUID, ...] = ()


class Outcome(StrEnum):
    """How a messenger answered an attempt to deliver."""

    DELIVERED = "delivered"
    REFUSED = "refused"  #: a clear no that another try will not change
    RETRY = "retry"  #: a clear no for now; nothing was shown to the person
    UNCONFIRMED = "unconfirmed"  #: it may or may not have been shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """The outcome of one attempt, with the messenger's own words for support."""

    outcome: Outcome
    detail: str = ""  #: short, without personal data or secrets
    retry_after_s: float | None = None
