"""The nouns of the conversation: plain Python, no I/O. docs/glossary.md defines them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from bot.domain.deliveries import ReplyHandle
from bot.domain.normal_form import nfc
from bot.domain.pictures import Picture

#: Halves of a pair: decoders of JSON and UTF-8 leave none that has its other half.
_SURROGATES = re.compile("[\ud800-\udfff]")
#: Other line ends: of Windows, of old Macs, and the soft one of word processors.
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85]")
#: The category Cc, but for line feed and tab.
_CONTROL_CODES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: Invisible letters: the Hangul fillers (typed in Korea to send an "empty" message), the blank
#: Braille pattern, the joiner of graphemes and the selectors of variants.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f") | {
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
}
#: Any of these three: most texts hold none.
_UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class TurnStatus(StrEnum):
    """The status of a turn: received -> queued -> generating -> one of the five ends."""

    RECEIVED = "received"
    QUEUED = "queued"
    GENERATING = "generating"
    ANSWERED = "answered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    MERGED = "merged"


#: The final statuses of a turn.
SETTLED = frozenset(
    {
        TurnStatus.ANSWERED,
        TurnStatus.FAILED,
        TurnStatus.EXPIRED,
        TurnStatus.CANCELLED,
        TurnStatus.MERGED,
    }
)


#: ``failure_reason`` of a turn that Postgres refused to schedule or to settle: a dead letter.
#: Written by the bot alone; every other reason is a FailureReason of the queue's protocol.
STORAGE_FAULT = "storage_fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatWindow:
    """How the repeats of an event are recognized that is no turn, or has no id of its own."""

    key: str  #: the same for all repeats, within (messenger, tenant)
    received_at: datetime  #: aware UTC
    until: datetime  #: later events with this key are new
    ends_when_delivered: bool = False  #: so are those after the delivery of the first one's answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The sender of a message: shares and limits are by person, across conversations."""

    messenger: str
    tenant: str
    sender: str

    @property
    def key(self) -> str:
        """A digest of 32 hex digits, for places that need no name."""
        parts = f"{self.messenger}\0{self.tenant}\0{self.sender}"
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A person's message, as read from a webhook, with the handle for its answer."""

    messenger: str
    tenant: str
    conversation_key: str
    event_key: str  #: unique per (messenger, tenant): the same event twice is one turn
    sender: str
    text: str  #: cleaned by ``clean_text``
    media: tuple[dict[str, Any], ...] = ()
    pictures: tuple[Picture, ...] = ()  #: kept until the turn is queued; ``media`` names them
    reply: ReplyHandle
    received_at: datetime  #: aware UTC
    repeats: RepeatWindow | None = None  #: None: ``event_key`` recognizes the repeats
    room: str = ""  #: the messenger's room, whose stored settings apply
    prompt: str | None = None  #: what the model reads, where it is not ``text``
    regenerates: UUID | None = None  #: the turn whose question this one asks again
    continues: UUID | None = None  #: the turn whose cut answer this one goes on with
    #: Seconds of silence after which the conversation begins anew; None: never.
    idle_after_s: float | None = None
    person: Person = field(init=False, repr=False, compare=False)  #: its sender

    def __post_init__(self) -> None:
        person = Person(messenger=self.messenger, tenant=self.tenant, sender=self.sender)
        object.__setattr__(self, "person", person)


def clean_text(raw: str) -> str:
    """The normalized text for store, search and prompt: NFC, no lone surrogates or control codes.

    Postgres refuses NUL and UTF-8 refuses lone surrogates; macOS and iOS send Hangul as NFD.
    Linear in the length of ``raw``, which the caller bounds.
    """
    if _UNCLEAN.search(raw):
        whole = _LINE_ENDS.sub("\n", _SURROGATES.sub("\ufffd", raw))
        raw = _CONTROL_CODES.sub("", whole)
    return nfc(raw).strip()


def has_visible(text: str) -> bool:
    """Whether anything of the text can be seen: a space of no width cannot."""
    return any(map(is_visible, text))


def is_visible(char: str) -> bool:
    """Whether the code point can be seen."""
    return char.isprintable() and not char.isspace() and char not in _INVISIBLE
