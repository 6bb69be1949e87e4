"""Messengers: one folder each, independent of each other.

A messenger reads a verified request into an Incoming and shows an Answer. It keeps no state:
what it needs to answer later travels in the turn's ReplyHandle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, ReplyHandle
from bot.domain.turns import Utterance


class Refusal(Exception):
    """A request that is answered with an HTTP status and goes no further."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status  #: 4xx, or 503
        self.reason = reason  #: short, safe to send back


class Problem(StrEnum):
    """Why a genuine request holds nothing to answer; the person is told in a sentence."""

    UNREADABLE = "unreadable"  #: it names no person, or holds no text, or no way to answer
    EMPTY = "empty"
    TOO_LONG = "too_long"
    MEDIA = "media"  #: a picture or a file; the model reads text only


class Command(StrEnum):
    """What a person asks of the bot rather than of the model."""

    RESET = "reset"
    HELP = "help"


#: The words of the commands; each messenger says how they are marked.
COMMAND_WORDS: dict[str, Command] = {
    "reset": Command.RESET,
    "초기화": Command.RESET,
    "help": Command.HELP,
    "도움말": Command.HELP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A verified request, read. Exactly one of the four ``| None`` fields is set."""

    sender: str  #: empty only where the request names nobody
    tenant: str
    conversation_key: str
    utterance: Utterance | None = None
    problem: Problem | None = None
    command: Command | None = None
    fetch: UUID | None = None  #: our button was pressed: the turn whose answer is asked for


class Messenger(Protocol):
    """What delivery needs of a messenger."""

    @property
    def name(self) -> str:
        """The word in the turn's ``messenger`` column."""

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """Show the answer by ``via``, once, within ten seconds.

        Never raises for what the wire does: a refusal, a time-out or a cut connection is a
        DeliveryResult.
        """


class LookupOutcome(StrEnum):
    """What a messenger knows of a POST that got no answer."""

    FOUND = "found"  #: the person saw it
    ABSENT = "absent"  #: surely nobody saw it
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupResult:
    """The result of looking for a turn's answer on the messenger's side."""

    outcome: LookupOutcome
    detail: str  #: short, without personal data or secrets: where it was found, or why not
    retry_after_s: float | None = None  #: the messenger wants no other lookup before


@runtime_checkable
class Reconcilable(Messenger, Protocol):
    """A messenger that can tell afterwards whether an answer was shown."""

    @property
    def can_reconcile(self) -> bool:
        """Whether these settings allow it at all; else ``is_reconcilable`` is never true."""

    def is_reconcilable(self, handle: ReplyHandle) -> bool:
        """Whether ``deliver_reconcilably`` is worth a try now."""

    async def deliver_reconcilably(self, handle: ReplyHandle, answer: Answer) -> DeliveryResult:
        """Show the answer, once, within ten seconds, so that ``look_up`` finds it.

        REFUSED: nothing was shown, and ``deliver`` may have another route.
        """

    async def look_up(self, handle: ReplyHandle, turn_id: UUID) -> LookupResult:
        """Look for what ``deliver_reconcilably`` showed of this turn, for 50 seconds at most."""
