"""Commands in skill requests: a button's ``extra``, or a message that is the word alone."""

from __future__ import annotations

from typing import Any

from bot.domain.messenger import COMMAND_WORDS, Command, bare_word
from bot.messengers.kakao.presses import COMMAND_KEY, CONFIRMED_KEY
from bot.messengers.kakao.skill_document import at, text_at
from bot.messengers.kakao.words import WORDS
from bot.text.catalog import TEXTS


def read_command(document: dict[str, Any], text: str) -> Command | None:
    """The command of a button or of a message.

    The word may have a "/" before it. The buttons are gone with the next message, and nobody
    types a "/" to a person.
    """
    word = text_at(document, "action", "clientExtra", COMMAND_KEY)
    if word:
        return _PRESSED.get(word.casefold())
    return _WORDS.get(bare_word(text))


def is_confirmed(document: dict[str, Any]) -> bool:
    """Whether the command came from the button that confirms it."""
    return at(document, "action", "clientExtra", CONFIRMED_KEY) is True


def is_continue_word(text: str) -> bool:
    """Whether the text is the label of the button that goes on with a cut answer."""
    return bare_word(text) in _CONTINUE_WORDS


def is_more_word(text: str) -> bool:
    """Whether the text is the label of the button of an answer's next page."""
    return bare_word(text) in _MORE_WORDS


def _words() -> dict[str, Command]:
    """The typed commands by bare word: those of every messenger, and the labels of buttons."""
    words = dict(COMMAND_WORDS)
    for texts in TEXTS.values():
        words[texts.fetch_label] = words[texts.earlier_label] = Command.FETCH
        words[texts.reset_label] = Command.RESET
        words[texts.help_label] = Command.HELP
        words[texts.again_label] = Command.AGAIN
        words[texts.stop_label] = Command.STOP
        words[texts.human_label] = Command.HUMAN
        words[texts.bot_label] = Command.BOT
    return {bare_word(word): command for word, command in words.items()}


#: The values of buttons; the words too, which guides have told operators to enter.
_PRESSED = COMMAND_WORDS | {command.value: command for command in Command}
_WORDS = _words()
_MORE_WORDS = frozenset(bare_word(words.more_label) for words in WORDS.values())
_CONTINUE_WORDS = frozenset(bare_word(texts.continue_label) for texts in TEXTS.values())
