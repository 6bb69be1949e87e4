"""Quick replies: the buttons below the bubbles, gone with the next message.

Pressed, each is a message of the person: its visible text is the label, and what it means travels
in ``extra``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from bot.domain.deliveries import Answer
from bot.domain.feedback import Reason, Vote
from bot.domain.messenger import Command
from bot.messengers.kakao.answer_pages import Page
from bot.messengers.kakao.presses import (
    COMMAND_KEY,
    CONFIRMED_KEY,
    FETCH_KEY,
    ContinuePress,
    Extra,
    PagePress,
    VotePress,
)
from bot.messengers.kakao.words import words_for
from bot.text.catalog import Texts

QuickReply = dict[str, Any]


def quick_reply(label: str, extra: Extra) -> QuickReply:
    """A quick reply with its payload."""
    return {"label": label, "action": "message", "messageText": label, "extra": extra}


def answer_replies(answer: Answer, page: Page, texts: Texts, *, operator: bool) -> list[QuickReply]:
    """The replies below a page of an answer, or below what stands in its place."""
    fetch_earlier = [_fetch_reply(turn_id, texts.earlier_label) for turn_id in answer.earlier]
    commands = command_replies(texts, operator=operator)
    if answer.hold:
        own = _fetch_reply(answer.turn_id, texts.fetch_label)
        return [own, *fetch_earlier, _command_reply(texts.stop_label, Command.STOP)]
    if not answer.answered:
        again = _command_reply(texts.again_label, Command.AGAIN)
        return [again, *fetch_earlier, *commands]
    return [
        *_vote_replies(answer, page, texts),
        *fetch_earlier,
        *commands,
    ]


def command_replies(texts: Texts, *, operator: bool) -> list[QuickReply]:
    """The commands below each of the bot's own sentences; ``operator``: with the human's."""
    replies = [
        _command_reply(texts.reset_label, Command.RESET),
        _command_reply(texts.help_label, Command.HELP),
    ]
    return [*replies, _command_reply(texts.human_label, Command.HUMAN)] if operator else replies


def help_replies(texts: Texts, *, operator: bool) -> list[QuickReply]:
    """Every command of a person."""
    replies = [
        _command_reply(texts.reset_label, Command.RESET),
        _command_reply(texts.again_label, Command.AGAIN),
        _command_reply(texts.stop_label, Command.STOP),
        _command_reply(texts.fetch_label, Command.FETCH),
        _command_reply(words_for(texts).erase_label, Command.ERASE),
    ]
    return [*replies, _command_reply(texts.human_label, Command.HUMAN)] if operator else replies


def erasure_reply(texts: Texts) -> QuickReply:
    """Confirms an erasure."""
    return quick_reply(texts.erase_label, {COMMAND_KEY: Command.ERASE.value, CONFIRMED_KEY: True})


def bot_reply(texts: Texts) -> QuickReply:
    """Ends the conversation with a human."""
    return _command_reply(texts.bot_label, Command.BOT)


def reason_replies(press: VotePress, texts: Texts) -> list[QuickReply]:
    """The reasons of a bad vote."""
    return [
        quick_reply(
            texts.reasons[reason.value],
            replace(press, vote=Vote.BAD, reason=reason).extra(),
        )
        for reason in Reason
    ]


def onward_replies(press: VotePress, texts: Texts) -> list[QuickReply]:
    """The next page of a judged answer; behind the last one, what the model has not written yet."""
    if press.page is not None:
        more = PagePress(turn_id=press.turn_id, page=press.page)
        return [quick_reply(words_for(texts).more_label, more.extra())]
    if press.unfinished:
        return [quick_reply(texts.continue_label, ContinuePress(turn_id=press.turn_id).extra())]
    return []


def _vote_replies(answer: Answer, page: Page, texts: Texts) -> list[QuickReply]:
    """Beside the votes, the way on: it stays the same after one of them."""
    good = VotePress(
        turn_id=answer.turn_id,
        vote=Vote.GOOD,
        page=page.number + 1 if page.has_next else None,
        unfinished=answer.truncated and not page.has_next,
    )
    bad = replace(good, vote=Vote.BAD)
    return [
        *onward_replies(good, texts),
        quick_reply(texts.good_label, good.extra()),
        quick_reply(texts.bad_label, bad.extra()),
    ]


def _fetch_reply(turn_id: UUID, label: str) -> QuickReply:
    return quick_reply(label, {FETCH_KEY: str(turn_id)})


def _command_reply(label: str, command: Command) -> QuickReply:
    return quick_reply(label, {COMMAND_KEY: command.value})
