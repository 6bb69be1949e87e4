"""What the outside saw: every message with what became of it, and every prompt the engine got.

Nothing here comes from the product's tables. Times are ``time.monotonic`` seconds.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

#: An utterance begins with its message's id; an answer begins and ends with the id and its
#: generation's number, so a piece of an answer is taken neither for the whole nor for nothing.
_ID = re.compile(r"[ks]\d+m\d+")
_BEGIN = re.compile(r"([ks]\d+m\d+)g(\d+)시작")
_END = re.compile(r"([ks]\d+m\d+)g(\d+)끝")
_FILLER = "음 "


@dataclass(frozen=True, slots=True)
class Showing:
    """An answer that a person saw."""

    via: str  #: sync, callback, button, post, message
    generation: int
    at: float


@dataclass(slots=True)
class Message:
    """One message a person sent, and everything that came back."""

    id: str
    conversation: str
    number: int  #: in its conversation
    sent_at: float
    accepted_at: float | None = None  #: acknowledged with 200 and not "cannot be saved"
    refused: str = ""  #: why not, where it was not accepted
    shown: list[Showing] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)  #: ways by which an answer came without its end
    told: list[str] = field(default_factory=list)  #: sentences that end it: failed, expired
    unanswered: list[str] = field(default_factory=list)  #: POSTs whose answer the stand-in withheld
    lost_track: list[str] = field(default_factory=list)  #: the same, where it can be looked up
    found: bool = False  #: a history that was read afterwards names it
    refused_at: list[float] = field(default_factory=list)  #: POSTs answered 429
    refusals: list[str] = field(default_factory=list)  #: why other callbacks were not shown
    late: int = 0  #: POSTs to a callback URL after its minute
    button: bool = False  #: the person was given the button of this turn
    strange: list[str] = field(default_factory=list)  #: what should never be said

    @property
    def ended(self) -> bool:
        """The person has seen an answer, or a sentence in its place."""
        return bool(self.shown or self.told)

    @property
    def waits(self) -> bool:
        """Accepted, and still owed something that is not lost in a documented window."""
        open_button = self.button and not self.strange
        return not self.ended and bool(self.accepted_at) and (open_button or not self.unanswered)


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt that reached the engine."""

    number: int
    message: str  #: the newest that was asked
    together: tuple[str, ...]  #: those merged into it
    history: tuple[tuple[str, int], ...]  #: earlier turns: message id, generation of the answer
    broken: bool  #: the history is not question, answer, question, answer of the same turns
    at: float


class Journal:
    """All messages and generations of a run."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.generations: list[Generation] = []
        self.misdelivered: list[str] = []
        self.faults: Counter[str] = Counter()  #: what the platforms did, and events sent twice

    def sent(self, conversation: str, number: int) -> Message:
        """Write down a message that goes out now."""
        message = Message(f"{conversation}m{number}", conversation, number, time.monotonic())
        self.messages[message.id] = message
        return message

    def show(self, message: Message, via: str, said: str) -> bool:
        """Note what a person sees; False where it holds no whole answer."""
        begun, ended = _BEGIN.findall(said), _END.findall(said)
        message.pieces += [via for mark in begun if mark not in ended]
        for name, generation in ended:
            # The button beside a later answer fetches an earlier one of the same person.
            asked = self.messages.get(name, message) if via == "button" else message
            if asked.id != name or asked.conversation != message.conversation:
                self.misdelivered.append(f"{message.id} was shown the answer of {name}")
            asked.shown.append(Showing(via, int(generation), time.monotonic()))
        return bool(ended)

    def reply(self, messages: list[dict[str, str]]) -> str:
        """The engine's answer to a prompt, which is noted."""
        *together, asked = questions(messages[-1]["content"])
        history, broken = _read_history(messages[1:-1])
        number = len(self.generations) + 1
        self.generations.append(
            Generation(number, asked, tuple(together), history, broken, time.monotonic())
        )
        mark = f"{asked}g{number}"
        return f"{mark}시작 {_FILLER * _length(asked)}{mark}끝"

    def account(self, name: str) -> str:
        """What the outside knows of a message, in seconds since it was sent."""
        message = self.messages[name]

        def after(at: float | None) -> str:
            return "never" if at is None else f"{at - message.sent_at:.1f}s"

        asked = [after(one.at) for one in self.generations if name in (one.message, *one.together)]
        seen = [f"{one.via} {after(one.at)}" for one in message.shown]
        words = {
            "accepted": after(message.accepted_at),
            "asked": asked,
            "shown": seen,
            "in part": message.pieces,
            "told": message.told,
            "unanswered": message.unanswered,
            "refused": [*map(after, message.refused_at), *message.refusals],
            "button": message.button,
        }
        return ", ".join(f"{word} {value}" for word, value in words.items() if value)

    def shown_again_by_button(self) -> list[Message]:
        """Messages whose answer a person fetched though it had been shown."""
        return [
            message
            for message in self.messages.values()
            if any(showing.via == "button" for showing in message.shown[1:])
        ]

    def by_conversation(self) -> dict[str, list[Message]]:
        """The messages of each conversation, in the order in which they were sent."""
        found: dict[str, list[Message]] = defaultdict(list)
        for message in self.messages.values():
            found[message.conversation].append(message)
        return found


def utterance(message: Message) -> str:
    """What the person writes."""
    return f"{message.id} 안녕하세요, 오늘 날씨는 어떤가요?"


def questions(said: str) -> list[str]:
    """The ids of the messages that were said together, a line each; "?" where there is none."""
    return [found.group() if (found := _ID.match(line)) else "?" for line in said.split("\n")]


def _length(asked: str) -> int:
    """Fillers between the marks: most answers are quick, some need the callback, few its end."""
    dice = sum(asked.encode()) * 7919 % 100
    if dice < 72:
        return 0
    return 20 + dice % 7 * 10 if dice < 98 else 480


def _read_history(messages: list[dict[str, str]]) -> tuple[tuple[tuple[str, int], ...], bool]:
    history, broken = [], len(messages) % 2 == 1
    for asked, answered in zip(messages[::2], messages[1::2], strict=False):
        name = questions(asked["content"])[-1]
        mark = _END.search(answered["content"])
        broken |= (asked["role"], answered["role"]) != ("user", "assistant")
        broken |= mark is None or mark.group(1) != name
        history.append((name, int(mark.group(2)) if mark else 0))
    return tuple(history), broken
