"""The count: what became of every accepted message, by what the outside saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from chaos.cluster import CALLBACK_BUDGET_S
from chaos.journal import Generation, Journal, Message

#: As many earlier turns as the bot puts into a prompt (BOT_HISTORY_TURNS).
HISTORY_TURNS = 20
#: How long a killed bot's delivery may have been in its hands before.
IN_HAND_S = 60.0
#: A busy driver may read what was shown so long after the bot that showed it was killed.
LAG_S = 2.0


@dataclass
class Verdict:
    """How many messages ended how; the lists name the offenders."""

    sent: int = 0
    accepted: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    misdelivered: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.duplicated or self.out_of_order or self.misdelivered)

    @property
    def offenders(self) -> list[str]:
        """The ids of the messages that were lost or shown twice."""
        return [words.split()[0].rstrip(":") for words in (*self.lost, *self.duplicated)]


def judge(journal: Journal, died_in_hand: frozenset[str] = frozenset()) -> Verdict:
    """Count. ``died_in_hand``: messages that a killed bot was just delivering."""
    verdict = Verdict(sent=len(journal.messages), misdelivered=list(journal.misdelivered))
    together = {name for generation in journal.generations for name in generation.together}
    for message in journal.messages.values():
        end = how_it_ended(message, died_in_hand)
        verdict.ends[end] += 1
        verdict.accepted += message.accepted_at is not None
        if end == "lost":
            verdict.lost.append(f"{message.id} {' '.join(message.strange)}".rstrip())
        if end == "merged" and message.id not in together:
            verdict.lost.append(f"{message.id} merged into nothing")
        if _seen(message, died_in_hand) > 1:
            ways = [showing.via for showing in message.shown] + message.told
            verdict.duplicated.append(f"{message.id}: {', '.join(ways)}")
        if message.late and message.accepted_at:
            verdict.late.append(message.id)
    verdict.out_of_order = list(_disorders(journal))
    return verdict


def suspects(journal: Journal, kills: list[float]) -> set[str]:
    """Messages that a killed bot may have had in its hands.

    Nothing was seen of them, or a button showed them again, and there was a kill at about that
    time. The outside cannot tell this window from a broken promise, so the ledger has to name it.
    """
    waiting = {message.id for message in journal.messages.values() if message.waits}
    begun = [
        (name, generation.at)
        for generation in journal.generations
        for name in (*generation.together, generation.message)
        if name in waiting
    ]
    begun += [(message.id, message.shown[0].at) for message in journal.shown_again_by_button()]
    return {name for name, at in begun if any(-LAG_S <= kill - at <= IN_HAND_S for kill in kills)}


def _seen(message: Message, died_in_hand: frozenset[str]) -> int:
    """How often the person saw an end of it without asking for it again.

    Whether an unanswered POST was shown, or what a killed bot had just sent, only the person knows;
    who presses the button that is offered for it asks for it again. So does who presses a button
    that has given the answer before: its response may have been lost.
    """
    unknown = message.unanswered or message.id in died_in_hand
    ways = [showing.via for showing in message.shown]
    known = 1 if unknown or "button" not in ways else ways.index("button") + 1
    asked_again = ways[known:].count("button")
    return len(message.shown) + len(message.told) - asked_again


def how_it_ended(message: Message, died_in_hand: frozenset[str]) -> str:
    """The end of a message in a few words."""
    if message.shown:
        via = message.shown[0].via
        if via == "message" and message.lost_track:
            via = "message, found again" if message.found else "message, unanswered"
        return via if message.accepted_at else "shown, though not accepted"
    if message.told:
        return "merged" if message.told == ["merged"] else "told"
    if message.accepted_at is None:
        said_so = message.refused.startswith("HTTP 200")
        return f"not accepted: {'the bot' if said_so else 'the platform'} says so"
    return _window(message, died_in_hand) or "lost"


def _window(message: Message, died_in_hand: frozenset[str]) -> str:
    """The documented window in which nothing was seen of an accepted message, or ""."""
    windows = {
        "unconfirmed": bool(message.unanswered),
        "refused until too late": _refused_until_too_late(message),
        "died in hand": message.id in died_in_hand,
    }
    return next((name for name, true in windows.items() if true and not message.button), "")


def _refused_until_too_late(message: Message) -> bool:
    """Kakao said "not now", the last time when the callback's budget was over."""
    times = message.refused_at
    return bool(times) and times[-1] - message.sent_at > CALLBACK_BUDGET_S


def _disorders(journal: Journal) -> list[str]:
    conversations = journal.by_conversation()
    found = []
    for generation in journal.generations:
        message = journal.messages.get(generation.message)
        if message is None:
            found.append(f"prompt {generation.number} asks nothing that was said")
            continue
        wrong = _disorder(generation, message, conversations[message.conversation])
        if wrong:
            found.append(f"prompt {generation.number} for {message.id}: {wrong}")
    return found


def _disorder(generation: Generation, message: Message, siblings: list[Message]) -> str:
    """What is wrong with a prompt's history, or ""."""
    if generation.broken:
        return "a history that is not question and answer in turn"
    known = {sibling.id: sibling for sibling in siblings}
    said = [*(name for name, _ in generation.history), *generation.together]
    if strangers := [name for name in said if name not in known]:
        return f"{strangers} of another conversation"
    turns = [known[name] for name in said]
    numbers = [turn.number for turn in turns if turn.accepted_at] + [message.number]
    if message.accepted_at and any(a >= b for a, b in pairwise(numbers)):
        return f"the order {numbers}"
    return _missing(generation, message, siblings)


def _missing(generation: Generation, message: Message, siblings: list[Message]) -> str:
    """An earlier turn whose answer was shown has to be in the history, with that answer."""
    present = dict(generation.history)
    full = len(present) >= HISTORY_TURNS
    for earlier in siblings:
        before = earlier.accepted_at is not None and earlier.accepted_at < message.sent_at
        if not before or not earlier.shown:
            continue
        if earlier.id not in present and not full:
            return f"{earlier.id} is missing"
        if present.get(earlier.id, earlier.shown[0].generation) != earlier.shown[0].generation:
            return f"{earlier.id} was answered otherwise than shown"
    return ""
