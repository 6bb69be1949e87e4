"""The rules of answers in Slack's rooms, from the screens; and what the log says of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from chaos.journal import Journal, Message, marks
from chaos.screens import BotPost, Stage, Version
from chaos.thread_ledger import ThreadTurn


def misplaced(journal: Journal, posts: Sequence[BotPost]) -> Iterator[str]:
    """Messages in another room or thread than the question that they answer."""
    for post in posts:
        names = {name for version in post.versions for name, _ in marks(version.text)[0]}
        for name in sorted(names):
            asked = journal.messages.get(name)
            if asked is None or (asked.room, asked.root) != (post.room, post.root):
                yield f"{name} was answered in {post.room} {post.root}"


def orphaned(posts: Sequence[BotPost]) -> Iterator[str]:
    """Messages that stay as they were in the middle of an answer."""
    for post in posts:
        if post.last.stage is not Stage.FINAL:
            yield f"{describe(post)} ends as {post.last.stage}"


def repeated(posts: Sequence[BotPost]) -> Iterator[str]:
    """Answers whose beginning or end is on the screen more than once, or a turn that is."""
    seen: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for post in posts:
        begun, ended = marks(post.last.text)
        own = [f"{name} {number} begins" for name, number in begun]
        own += [f"{name} {number} ends" for name, number in ended]
        if post.last.stage is Stage.FINAL:
            own.append(f"{post.turn_id} in another message")
        seen[post.room, post.root].update(own)
    for (room, root), counts in seen.items():
        for what, count in counts.items():
            if count > 1:
                yield f"{what} {count} times in {room} {root}"


def unsteady(posts: Sequence[BotPost]) -> Iterator[str]:
    """Messages whose text shrinks or changes before its final replacement, or after it."""
    for post in posts:
        for before, after in pairwise(post.versions):
            if not _grows(before, after):
                was, now = before.text[-30:], after.text[-30:]
                yield f"{describe(post)}: {before.stage} {was!r} became {after.stage} {now!r}"


def _grows(before: Version, after: Version) -> bool:
    if before.stage is Stage.FINAL or after.stage is Stage.SENTENCE:
        return after == Version(before.stage, before.text, after.at)
    return after.stage is Stage.FINAL or after.text.startswith(before.text)


def untrue(
    posts: Sequence[BotPost], turns: Sequence[ThreadTurn], stopped_notes: Sequence[str]
) -> Iterator[str]:
    """Turns whose answer on the screen is not that of the log, or whose messages are not final."""
    shown: defaultdict[str, list[BotPost]] = defaultdict(list)
    for post in posts:
        if post.last.stage is Stage.FINAL:
            shown[post.turn_id].append(post)
    for turn in turns:
        text = "".join(post.last.text for post in shown[turn.id])
        if wrong := _wrong(turn, text, stopped_notes):
            yield f"turn {turn.id} ({turn.status}, {turn.delivery}: {turn.detail}): {wrong}"


def _wrong(turn: ThreadTurn, text: str, stopped_notes: Sequence[str]) -> str:
    if any(state != "final" for state in turn.posts):
        return f"its messages are {', '.join(turn.posts)} in the log"
    if not turn.is_silent and not turn.posts:
        return "its message is not in the log"
    expected = {turn.answer} if turn.status == "answered" else set()
    if turn.status == "cancelled" and turn.answer:
        expected = {f"{turn.answer}\n\n{note}" for note in stopped_notes}
    if expected and turn.posts and text not in expected:
        return f"the screen shows {text!r}"
    return "the screen shows what was stopped" if turn.is_silent and text else ""


def stopped_unasked(journal: Journal, turns: Sequence[ThreadTurn]) -> Iterator[str]:
    """Cancelled turns that nobody stopped."""
    asked = {(message.room, message.ts): message for message in journal.messages.values()}
    for turn in turns:
        message = asked.get((turn.room, turn.ts))
        if turn.status == "cancelled" and not _was_stopped(journal, turn, message):
            yield f"{message.id if message else turn.id} was stopped, though nobody asked"


def _was_stopped(journal: Journal, turn: ThreadTurn, message: Message | None) -> bool:
    return message is not None and any(
        stop.conversation == message.conversation
        and stop.turn_id in ("", turn.id)
        and (stop.ended_at is None or message.sent_at < stop.ended_at)
        for stop in journal.stops
    )


def describe(post: BotPost) -> str:
    """Which message it is, for people."""
    begun, _ = marks(post.last.text)
    name = f"{begun[0][0]} generation {begun[0][1]}" if begun else repr(post.last.text[:20])
    return f"{post.way} {post.room} {post.ts} {name}"
