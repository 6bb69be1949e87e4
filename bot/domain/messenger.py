"""Messengers: one folder each, independent of each other.

A messenger reads a verified request into an Incoming and shows an Answer. It keeps no state: the
address for a later answer is in the turn's ReplyHandle.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, ReplyHandle
from bot.domain.normal_form import folded
from bot.domain.turns import RepeatWindow, Utterance, is_visible

#: The maximum length of a message that can be a command.
MAX_WORD_CHARS = 20


class Refusal(Exception):
    """A request refused with an HTTP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status  #: 4xx, or 503
        self.reason = reason  #: short, safe to send back


class Problem(StrEnum):
    """The reason why a genuine request cannot be answered; the person gets a sentence."""

    UNREADABLE = "unreadable"  #: without a person, a text or a route for the answer
    EMPTY = "empty"
    TOO_LONG = "too_long"
    MEDIA = "media"  #: a picture or a file; the model reads text only


class Command(StrEnum):
    """A request of a person to the bot instead of the model."""

    RESET = "reset"
    HELP = "help"
    FETCH = "fetch"  #: the newest answer that waits to be fetched
    AGAIN = "again"  #: another answer to the newest question
    STOP = "stop"  #: the answer that is being written
    ERASE = "erase"  #: everything that is kept about the person
    HUMAN = "human"  #: a human answers from now on
    BOT = "bot"  #: the bot answers again


#: The words of the commands; each messenger defines how they are marked.
COMMAND_WORDS: dict[str, Command] = {
    "reset": Command.RESET,
    "초기화": Command.RESET,
    "새 대화": Command.RESET,
    "처음으로": Command.RESET,
    "new": Command.RESET,
    "help": Command.HELP,
    "도움말": Command.HELP,
    "again": Command.AGAIN,
    "다시": Command.AGAIN,
    "stop": Command.STOP,
    "그만": Command.STOP,
    "erase my data": Command.ERASE,
    "내 정보 삭제": Command.ERASE,
    "human": Command.HUMAN,
    "상담원": Command.HUMAN,
    "bot": Command.BOT,
    "챗봇": Command.BOT,
}


def bare_word(text: str) -> str:
    """A message as it is compared with a word: "" for one that is too long to be a word.

    Without a slash before it, in small letters of half width, without what cannot be seen: some
    keyboards and copied texts add it. Without spaces too: Koreans set them freely, and 새대화 is
    새 대화. A word is compared in the same form.
    """
    if len(text) > MAX_WORD_CHARS:
        return ""
    return folded("".join(filter(is_visible, text))).removeprefix("/")


_BY_BARE_WORD = {bare_word(word): command for word, command in COMMAND_WORDS.items()}


def typed_command(text: str) -> Command | None:
    """The command of a message that is its word alone."""
    return _BY_BARE_WORD.get(bare_word(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A verified request, read. Exactly one of the four ``| None`` fields is set."""

    sender: str  #: empty only if the request names no person
    tenant: str
    conversation_key: str
    room: str = ""  #: the messenger's room, whose stored settings apply
    utterance: Utterance | None = None
    problem: Problem | None = None
    command: Command | None = None
    repeats: RepeatWindow | None = None  #: of a command
    pressed: bool = False  #: the command came from a button, not from typed words
    draft: Utterance | None = None  #: of a command: its message, for one that asks the model
    fetch: UUID | None = None  #: the turn of a fetch button that was pressed


class Messenger(Protocol):
    """The interface of a messenger for delivery."""

    @property
    def name(self) -> str:
        """The value of the turn's ``messenger`` column."""

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """Show the answer by ``via``, once, within ten seconds.

        Network errors are never raised: a refusal, a time-out or a cut connection is a
        DeliveryResult.
        """


class LookupOutcome(StrEnum):
    """The messenger's knowledge about a POST that got no response."""

    FOUND = "found"  #: it was shown
    ABSENT = "absent"  #: it certainly was not shown
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupResult:
    """The result of a lookup of a turn's answer in its messenger."""

    outcome: LookupOutcome
    detail: str  #: short, without personal data or secrets: its place, or why it has none
    message_id: str = ""  #: the messenger's own id of the message that was found
    retry_after_s: float | None = None  #: the messenger's minimum pause before the next lookup


@runtime_checkable
class Withdrawing(Messenger, Protocol):
    """A messenger that shows answers before they are whole."""

    async def withdraw(self, handle: ReplyHandle, message_id: str) -> None:
        """Take back the message of an erased turn, which no delivery will finish.

        It is given up where the messenger refuses that, or after half a minute.
        """


@runtime_checkable
class Reconcilable(Messenger, Protocol):
    """A messenger that can look up afterwards whether an answer was shown."""

    @property
    def can_reconcile(self) -> bool:
        """Whether the settings allow lookups; if not, ``is_reconcilable`` is never true."""

    def is_reconcilable(self, handle: ReplyHandle) -> bool:
        """Whether ``deliver_reconcilably`` is worth a try now."""

    def has_other_route(self, handle: ReplyHandle) -> bool:
        """Whether ``deliver`` has a route of its own, which is refused less often."""

    async def deliver_reconcilably(self, handle: ReplyHandle, answer: Answer) -> DeliveryResult:
        """Show the answer, once, within ten seconds, so that ``look_up`` finds it.

        REFUSED: nothing was shown; ``deliver`` may still have another route.
        """

    async def look_up(self, handle: ReplyHandle, turn_id: UUID) -> LookupResult:
        """Look up the turn's answer shown by ``deliver_reconcilably``, within 50 seconds."""
