"""The checker: the outcome of every accepted message, as seen from outside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from chaos import merge_checker
from chaos.cluster import CALLBACK_BUDGET_S
from chaos.journal import Generation, Journal, Message
from chaos.ledger import NOTHING_FOUND, LedgerFindings

#: Earlier turns in a prompt (BOT_HISTORY_TURNS).
HISTORY_TURNS = 20
#: The longest time that a killed bot may have held a delivery.
IN_HAND_S = 60.0
#: A busy driver may read an answer so long after its bot was killed.
LAG_S = 2.0


@dataclass
class CheckResult:
    """The number of messages per outcome; the lists name the offenders."""

    sent: int = 0
    accepted: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    misdelivered: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)  #: messages that were never finished
    untrue: list[str] = field(default_factory=list)  #: the screen is not what the log says
    unsteady: list[str] = field(default_factory=list)  #: shrank or changed while they grew
    undone: list[str] = field(default_factory=list)  #: votes and stops without their effect
    unrun: list[str] = field(default_factory=list)  #: background jobs without their result

    @property
    def holds(self) -> bool:
        """Whether no guarantee was broken."""
        on_screens = self.orphaned or self.untrue or self.unsteady or self.undone
        broken = self.lost or self.duplicated or self.out_of_order or self.misdelivered
        return not (broken or on_screens or self.unrun)

    @property
    def offenders(self) -> list[str]:
        """The ids of the messages that were lost or shown twice."""
        return [entry.split()[0].rstrip(":") for entry in (*self.lost, *self.duplicated)]


def check(journal: Journal, findings: LedgerFindings = NOTHING_FOUND) -> CheckResult:
    """Check a run."""
    result = CheckResult(sent=len(journal.messages), misdelivered=list(journal.misdelivered))
    for message in journal.messages.values():
        end = how_it_ended(message, findings)
        result.ends[end] += 1
        result.accepted += message.accepted_at is not None
        if end == "lost":
            result.lost.append(f"{message.id} {' '.join(message.forbidden)}".rstrip())
        if _seen(message, findings.died_in_hand) > 1 or message.results.surplus:
            routes = [answer.via for answer in message.shown] + message.notices
            result.duplicated.append(
                f"{message.id}: {', '.join([*routes, *message.results.surplus])}"
            )
        if _was_stopped_unasked(message, journal):
            result.lost.append(f"{message.id} was stopped, though nobody asked")
        if message.late and message.accepted_at:
            result.late.append(message.id)
    result.lost += merge_checker.unanswered(journal, findings.merges)
    result.out_of_order = list(_disorders(journal))
    return result


def _was_stopped_unasked(message: Message, journal: Journal) -> bool:
    was_stopped = any(notice.startswith("stopped") for notice in message.notices)
    return was_stopped and not journal.is_stop_asked(message)


def suspects(journal: Journal, kills: list[float]) -> set[str]:
    """Messages that a killed bot may have had in its hands.

    They have no outcome, or a button showed them again, and a kill happened at about that time.
    From outside this window looks like a broken guarantee, so the ledger has to confirm it.
    """
    pending = {message.id for message in journal.messages.values() if message.is_pending}
    begun = [
        (name, generation.at)
        for generation in journal.generations
        for name in (*generation.merged, generation.message)
        if name in pending
    ]
    begun += [(message.id, message.shown[0].at) for message in journal.shown_again_by_button()]
    return {name for name, at in begun if any(-LAG_S <= kill - at <= IN_HAND_S for kill in kills)}


def without_callback(journal: Journal) -> set[str]:
    """Messages whose result was read, and whose callback never came."""
    messages = journal.messages.values()
    return {message.id for message in messages if message.ended and message.awaits_callback}


def _seen(message: Message, died_in_hand: frozenset[str]) -> int:
    """How often the person saw its outcome without asking for it again.

    A button asks for it again where the bot cannot know whether it was shown: after an unanswered
    POST, after the death of its bot, or after an earlier press whose response may have been lost.
    """
    unknown = message.unanswered or message.id in died_in_hand
    routes = [answer.via for answer in message.shown]
    known = 1 if unknown or "button" not in routes else routes.index("button") + 1
    asked_again = routes[known:].count("button")
    return len(message.shown) + len(message.notices) - asked_again


def how_it_ended(message: Message, findings: LedgerFindings) -> str:
    """The name of a message's outcome."""
    if message.accepted_at and message.awaits_callback:
        return _without_callback(message, findings)
    if message.shown and message.results.called_back_at:
        return "result callback" if message.accepted_at else "shown, though not accepted"
    if message.shown:
        via = message.shown[0].via
        if via == "message" and message.reconcilable:
            via = "message, found again" if message.found else "message, unanswered"
        return via if message.accepted_at else "shown, though not accepted"
    if message.notices or message.cancelled:
        return _told(message)
    if message.accepted_at is None:
        by_the_bot = message.rejection.startswith("HTTP 200")
        return f"not accepted: {'the bot' if by_the_bot else 'the platform'} says so"
    return _window(message, findings.died_in_hand) or "lost"


def _told(message: Message) -> str:
    """The outcome where no whole answer was shown, but a sentence, or what was stopped."""
    if not message.notices:
        return "stopped, nothing shown"
    [first, *_] = message.notices
    return first if first == "merged" or first.startswith("stopped") else "told"


def _without_callback(message: Message, findings: LedgerFindings) -> str:
    """The outcome where the callback was never taken: no loss if it was read in a window."""
    windows = {
        "callback unanswered": bool(message.unanswered),
        "died in hand": message.id in findings.died_in_hand,
        "claimed by the previous version": message.id in findings.claimed_before,
    }
    window = next((name for name, applies in windows.items() if applies), "")
    return f"result, {window}" if window and message.ended else "lost"


def _window(message: Message, died_in_hand: frozenset[str]) -> str:
    """The documented window that explains a missing outcome, or ""; none in Slack's rooms."""
    if message.room:
        return ""
    windows = {
        "unconfirmed": bool(message.unanswered),
        "refused until too late": _refused_until_too_late(message),
        "died in hand": message.id in died_in_hand,
    }
    return next(
        (name for name, applies in windows.items() if applies and not message.can_be_fetched), ""
    )


def _refused_until_too_late(message: Message) -> bool:
    """Whether Kakao still answered 429 when the callback's budget was over."""
    times = message.rate_limited_at
    return bool(times) and times[-1] - message.sent_at > CALLBACK_BUDGET_S


def _disorders(journal: Journal) -> list[str]:
    conversations = journal.by_conversation()
    found = []
    for generation in journal.generations:
        message = journal.messages.get(generation.message)
        if message is None:
            found.append(f"prompt {generation.number} asks no known message")
            continue
        wrong = _disorder(generation, message, conversations[message.conversation])
        if wrong:
            found.append(f"prompt {generation.number} for {message.id}: {wrong}")
    for siblings in conversations.values():
        found += _disorder_of_results(siblings)
    return found


def _disorder_of_results(siblings: list[Message]) -> list[str]:
    """Answers, and callbacks, whose order in a conversation is not that of its messages."""
    accepted = [message for message in siblings if message.accepted_at]
    answers = [(message.id, message.shown[0].generation) for message in accepted if message.shown]
    taken = [
        (message.id, message.results.called_back_at[0])
        for message in accepted
        if message.results.called_back_at
    ]
    wrong = [f"{b} was answered before {a}" for (a, x), (b, y) in pairwise(answers) if x >= y]
    return wrong + [
        f"{b} was called back before {a}" for (a, x), (b, y) in pairwise(taken) if x > y
    ]


def _disorder(generation: Generation, message: Message, siblings: list[Message]) -> str:
    """What is wrong with a prompt's history, or ""."""
    if generation.is_broken:
        return "a history that is not question and answer in turn"
    known = {sibling.id: sibling for sibling in siblings}
    names = [*(name for name, _ in generation.history), *generation.merged]
    if strangers := [name for name in names if name not in known]:
        return f"{strangers} of another conversation"
    turns = [known[name] for name in names]
    numbers = [turn.number for turn in turns if turn.accepted_at] + [message.number]
    if message.accepted_at and any(a >= b for a, b in pairwise(numbers)):
        return f"the order {numbers}"
    return _missing(generation, message, siblings)


def _missing(generation: Generation, message: Message, siblings: list[Message]) -> str:
    """The earlier turn that is missing from the history or has another answer, or ""."""
    present = dict(generation.history)
    full = len(present) >= HISTORY_TURNS
    for earlier in siblings:
        before = earlier.accepted_at is not None and earlier.accepted_at < message.sent_at
        if not before or not earlier.shown or earlier.asks_again:
            continue
        if earlier.id not in present and not full:
            return f"{earlier.id} is missing"
        shown = _newest_answer(earlier, message, siblings)
        answer = present.get(earlier.id, shown)
        unseen = answer > shown and _was_repeated_unseen(earlier, message, siblings)
        if answer != shown and not unseen:
            return f"{earlier.id} was answered otherwise than shown"
    return ""


def _newest_answer(asked: Message, before: Message, siblings: list[Message]) -> int:
    """The generation that was shown last before a message: a question may be asked again."""
    answers = [
        each.shown[0].generation
        for each in siblings
        if each.question == asked.id and each.shown and each.number < before.number
    ]
    return answers[-1]


def _was_repeated_unseen(asked: Message, before: Message, siblings: list[Message]) -> bool:
    """Whether the question was asked again by a request that the bot never acknowledged.

    It may have been taken: its answer replaces the one that was shown.
    """
    return any(
        each.asks_again == asked.id and not each.accepted_at and each.number < before.number
        for each in siblings
    )
