"""Everything seen from outside: each message with its outcome, and each prompt of the engine.

Nothing here comes from the product's tables. Times are ``time.monotonic`` seconds.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from chaos.deeds import Ballot, Stop

#: An utterance begins with its message's id. An answer begins and ends with the id and the number
#: of its generation, which tells a partial answer from a whole one.
_NAME = r"[ksgdc]\d+m\d+"
#: In a room's prompt the speaker's name comes first.
_ID = re.compile(rf"(?:[^:\n]{{1,80}}: )?({_NAME})\b")
_BEGIN = re.compile(rf"({_NAME})g(\d+)시작")
_END = re.compile(rf"({_NAME})g(\d+)끝")
_FILLER = "음 "


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer that a person saw."""

    #: sync, callback, button, post, message; wait, result, events, result callback; thread,
    #: stream, edits
    via: str
    generation: int
    at: float


@dataclass(slots=True)
class Results:
    """What a client of the generic webhook holds of one message.

    Requests and reads may be repeated: only another turn or another result is one too many.
    """

    turn_ids: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    callback_due: bool = False  #: the result has to be posted, whether it was read or not
    called_back_at: list[float] = field(default_factory=list)  #: POSTs that the client took

    @property
    def surplus(self) -> list[str]:
        """What came twice: callbacks, and turns for one idempotency key."""
        callbacks = ["called back again"] * (len(self.called_back_at) - 1)
        return callbacks + ["another turn"] * (len(self.turn_ids) - 1)


@dataclass(slots=True)
class Message:
    """One message of a person, and everything that came back."""

    id: str
    conversation: str
    number: int  #: in its conversation
    sent_at: float
    accepted_at: float | None = None  #: acknowledged, and not with "cannot be saved"
    rejection: str = ""  #: the reason, if it was not accepted
    shown: list[ShownAnswer] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)  #: routes of answers without their end
    notices: list[str] = field(default_factory=list)  #: final ones: failed, expired
    unanswered: list[str] = field(default_factory=list)  #: POSTs without a response
    reconcilable: list[str] = field(default_factory=list)  #: the same, if they can be looked up
    found: bool = False  #: a history read afterwards contains it
    rate_limited_at: list[float] = field(default_factory=list)  #: POSTs answered 429
    refusals: list[str] = field(default_factory=list)  #: errors of other callbacks
    late: int = 0  #: POSTs to an expired callback URL
    has_button: bool = False  #: the person got the button that fetches the answer
    forbidden: list[str] = field(default_factory=list)  #: notices that must never come
    results: Results = field(default_factory=Results)
    room: str = ""  #: the channel of Slack that it was written to
    ts: str = ""
    root: str = ""  #: the ts of its thread's root
    asks_again: str = ""  #: the message whose question it repeats
    is_photo: bool = False
    event_key: str = ""  #: the log's, of a message whose text does not name it
    cancelled: bool = False  #: stopped before anything of its answer was shown
    is_guess: bool = False  #: the notices may be another message's

    @property
    def ended(self) -> bool:
        """Whether the person has seen an answer or a final notice, or wanted neither."""
        return bool(self.shown or self.notices or self.cancelled)

    @property
    def is_merged(self) -> bool:
        """Whether the person was told that a later message is answered with it, and nothing else.

        What was shown before is judged as shown.
        """
        return self.notices[:1] == ["merged"] and not self.shown

    @property
    def question(self) -> str:
        """The message whose answer it gets."""
        return self.asks_again or self.id

    @property
    def is_pending(self) -> bool:
        """Whether it was accepted, has no outcome yet, and is in no documented window."""
        if not self.accepted_at:
            return False
        if self.ended:
            return self.awaits_callback and not self.unanswered
        return not self.unanswered or (self.can_be_fetched and not self.forbidden)

    @property
    def awaits_callback(self) -> bool:
        """Whether a result has to be posted and was not taken yet."""
        return self.results.callback_due and not self.results.called_back_at

    @property
    def can_be_fetched(self) -> bool:
        """Whether the client can ask for the answer: with a button, or by its result's URL."""
        return self.has_button or bool(self.results.turn_ids)


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt that reached the engine."""

    number: int
    message: str  #: the newest message of the prompt
    merged: tuple[str, ...]  #: the messages merged into it
    history: tuple[tuple[str, int], ...]  #: earlier turns: message id, generation of the answer
    is_broken: bool  #: the history does not alternate questions and their answers
    at: float


class Journal:
    """All messages and generations of a run."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.generations: list[Generation] = []
        self.misdelivered: list[str] = []
        self.faults: Counter[str] = Counter()  #: of the platforms, and duplicated events
        self.deeds: Counter[str] = Counter()  #: what people did, and how streams went
        self.stops: list[Stop] = []
        self.ballots: dict[tuple[str, str], Ballot] = {}  #: by turn and voter

    def sent(self, conversation: str, number: int) -> Message:
        """Record a message that is sent now."""
        message = Message(f"{conversation}m{number}", conversation, number, time.monotonic())
        self.messages[message.id] = message
        return message

    def show(
        self, message: Message, via: str, text: str, at: float | None = None, *, cut: bool = False
    ) -> bool:
        """Record what a person sees, by default now; False if it holds no whole answer.

        ``cut``: the bot says that it had no time for more, as it may where all is slow.
        """
        begun, ended = _BEGIN.findall(text), _END.findall(text)
        if cut:
            ended = begun
        message.partial += [via for mark in begun if mark not in ended]
        for name, generation in ended:
            fetches = via == "button"
            asked = self._fetched(name, int(generation), message) if fetches else message
            if asked.question != name or asked.conversation != message.conversation:
                self.misdelivered.append(f"{message.id} was shown the answer of {name}")
            asked.shown.append(ShownAnswer(via, int(generation), at or time.monotonic()))
            self._guess_again(asked)
        return bool(ended)

    def tell(self, message: Message, notices: list[str]) -> None:
        """Record notices that end a message."""
        if notices:
            message.notices += notices
            self._guess_again(message, len(notices))

    def tell_somebody(self, conversation: str, notices: list[str]) -> None:
        """Record notices of a stopped message that they do not name: so far, the first without end.

        A stop that nobody asked for is not guessed where such a notice may have come twice.
        """
        siblings = self.by_conversation()[conversation]
        missing = [each for each in siblings if each.accepted_at and not each.ended]
        stopped = [each for each in missing if self.is_stop_asked(each)]
        if not stopped and any(each.notices for each in siblings if self.is_stop_asked(each)):
            return
        for message in (stopped or missing)[:1]:
            message.notices += notices
            message.is_guess = True

    def is_stop_asked(self, message: Message) -> bool:
        """Whether somebody asked to stop its answer."""
        return any(stop.may_end(message.conversation, message.sent_at) for stop in self.stops)

    def _guess_again(self, message: Message, own: int = 0) -> None:
        """Give another the notices that were thought to be its own, but for the last ``own``."""
        if message.is_guess:
            count = len(message.notices) - own
            guessed, message.notices = message.notices[:count], message.notices[count:]
            message.is_guess = False
            self.tell_somebody(message.conversation, guessed)

    def _fetched(self, name: str, generation: int, by: Message) -> Message:
        """Whose answer a button fetched: its own message's, or an earlier one to the same person.

        A question may have been asked again since.
        """
        siblings = self.by_conversation()[by.conversation]
        asked = [each for each in siblings if each.question == name]
        shown = [each for each in asked if generation in {one.generation for one in each.shown}]
        own = [by] if by in asked and not by.ended else []
        unseen = [each for each in asked if not each.ended] or [m for m in asked if m.is_guess]
        return [*shown, *own, *unseen, self.messages.get(name, by)][0]

    def check_stream(self, message: Message, text: str) -> None:
        """Check the text of a stream, which need not be whole."""
        for name, _ in _BEGIN.findall(text):
            if name != message.id:
                self.misdelivered.append(f"{message.id} followed the answer of {name}")

    def reply(self, messages: list[dict[str, str]]) -> str:
        """The engine's answer to a prompt, which is recorded."""
        *merged, asked = questions(messages[-1]["content"])
        history, is_broken = _read_history(messages[1:-1])
        number = len(self.generations) + 1
        self.generations.append(
            Generation(number, asked, tuple(merged), history, is_broken, time.monotonic())
        )
        mark = f"{asked}g{number}"
        return f"{mark}시작 {_FILLER * _length(asked)}{mark}끝"

    def account(self, name: str) -> str:
        """A message's events as seen from outside, in seconds since it was sent."""
        message = self.messages[name]

        def after(at: float | None) -> str:
            return "never" if at is None else f"{at - message.sent_at:.1f}s"

        asked = [after(one.at) for one in self.generations if name in (one.message, *one.merged)]
        seen = [f"{one.via} {after(one.at)}" for one in message.shown]
        facts = {
            "accepted": after(message.accepted_at),
            "asked": asked,
            "shown": seen,
            "in part": message.partial,
            "told": message.notices,
            "unanswered": message.unanswered,
            "refused": [*map(after, message.rate_limited_at), *message.refusals],
            "button": message.has_button,
            "called back": [*map(after, message.results.called_back_at)],
            "turns": sorted(message.results.turn_ids),
            "forbidden": message.forbidden,
        }
        return ", ".join(f"{label} {value}" for label, value in facts.items() if value)

    def shown_again_by_button(self) -> list[Message]:
        """Messages whose answer was fetched by the button after it had been shown."""
        return [
            message
            for message in self.messages.values()
            if any(answer.via == "button" for answer in message.shown[1:])
        ]

    def by_conversation(self) -> dict[str, list[Message]]:
        """The messages of each conversation, in the order in which they were sent."""
        found: dict[str, list[Message]] = defaultdict(list)
        for message in self.messages.values():
            found[message.conversation].append(message)
        return found


def utterance(message: Message) -> str:
    """The text of a message."""
    return f"{message.id} 안녕하세요, 오늘 날씨는 어떤가요?"


def questions(text: str) -> list[str]:
    """The ids of merged messages, one per line of the text; "?" for a line without an id.

    What was said in a thread before the bot was asked into it comes first, and does not count.
    """
    asked = text.rpartition("\n\n")[2]
    return [found[1] if (found := _ID.match(line)) else "?" for line in asked.split("\n")]


def marks(text: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """The beginnings and the ends of answers in a text: message id and generation."""
    begun, ended = (
        [(name, int(number)) for name, number in mark.findall(text)] for mark in (_BEGIN, _END)
    )
    return begun, ended


def _length(asked: str) -> int:
    """Fillers between the marks: most answers are fast, some need the callback, few are late."""
    percentile = sum(asked.encode()) * 7919 % 100
    if asked[0] in "dc":  # more of those that are seen being written
        return 0 if percentile < 40 else 20 + percentile % 7 * 10 if percentile < 95 else 300
    if percentile < 72:
        return 0
    return 20 + percentile % 7 * 10 if percentile < 98 else 480


def _read_history(messages: list[dict[str, str]]) -> tuple[tuple[tuple[str, int], ...], bool]:
    history, is_broken = [], len(messages) % 2 == 1
    for asked, answered in zip(messages[::2], messages[1::2], strict=False):
        name = questions(asked["content"])[-1]
        # Without its end where there was no time for more.
        mark = _END.search(answered["content"]) or _BEGIN.search(answered["content"])
        is_broken |= (asked["role"], answered["role"]) != ("user", "assistant")
        is_broken |= mark is None or mark.group(1) != name
        history.append((name, int(mark.group(2)) if mark else 0))
    return tuple(history), is_broken
