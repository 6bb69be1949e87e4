"""The kinds of values that a setting may have: read from typed words, checked as JSON."""

from __future__ import annotations

import string
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from bot.configs.problems import BadValueError, Problem
from bot.domain.turns import clean_text, has_visible
from inference_queue.protocol import MAX_ADAPTER_CHARS, NO_ADAPTER, is_adapter_name

#: What people type for a flag.
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Kind(Protocol):
    """One kind of value."""

    def parse(self, typed: str) -> object:
        """The JSON value in what was typed; what is none comes back as typed, for ``check``."""

    def check(self, value: object) -> object:
        """The JSON value, cleaned. Raises BadValueError."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within bounds."""

    low: int
    high: int

    def parse(self, typed: str) -> object:
        """The number, where ASCII digits were typed."""
        return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 12 else typed

    def check(self, value: object) -> int:
        """The number. Raises BadValueError."""
        if type(value) is int and self.low <= value <= self.high:
            return value
        sentence = f"a whole number from {self.low} to {self.high} is needed"
        raise BadValueError(Problem.NUMBER, sentence, low=self.low, high=self.high)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def parse(self, typed: str) -> object:
        """The flag, where one of its words was typed."""
        return _FLAGS.get(typed.lower(), typed)

    def check(self, value: object) -> bool:
        """The flag. Raises BadValueError."""
        if isinstance(value, bool):
            return value
        raise BadValueError(Problem.FLAG, "true or false is needed")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words."""

    words: Collection[str]

    def parse(self, typed: str) -> object:
        """The word as typed."""
        return typed

    def check(self, value: object) -> str:
        """The word. Raises BadValueError."""
        if isinstance(value, str) and value in self.words:
            return str(value)
        words = ", ".join(self.words)
        raise BadValueError(Problem.CHOICE, f"one of {words} is needed", words=words)


@dataclass(frozen=True, slots=True)
class AdapterName:
    """The name of an adapter, or the word for none. Whether a worker has it is not known here."""

    def parse(self, typed: str) -> object:
        """The name as typed."""
        return typed

    def check(self, value: object) -> str:
        """The name. Raises BadValueError."""
        if value == NO_ADAPTER or is_adapter_name(value):
            return str(value)
        sentence = (
            f"an adapter's name is needed, up to {MAX_ADAPTER_CHARS} letters, digits, '.', '_' and "
            f"'-' of ASCII, or {NO_ADAPTER} for none"
        )
        raise BadValueError(Problem.ADAPTER, sentence, max_chars=MAX_ADAPTER_CHARS, none=NO_ADAPTER)


@dataclass(frozen=True, slots=True)
class Prose:
    """A text of at most ``max_chars``, cleaned like a person's message.

    ``count`` counts them: code points, or the UTF-16 units of the messengers' limits.
    """

    max_chars: int
    count: Callable[[str], int] = len
    #: Checks more of the cleaned text; raises BadValueError.
    also: Callable[[str], None] = lambda _: None

    def parse(self, typed: str) -> object:
        """The text as typed."""
        return typed

    def check(self, value: object) -> str:
        """The cleaned text. Raises BadValueError."""
        if not isinstance(value, str):
            raise BadValueError(Problem.TEXT, "a text is needed")
        cleaned = clean_text(value)
        if not has_visible(cleaned):
            raise BadValueError(Problem.EMPTY, "the text is empty")
        if (chars := self.count(cleaned)) > self.max_chars:
            sentence = f"the text has {chars:,} characters, and at most {self.max_chars:,} fit"
            raise BadValueError(Problem.LONG, sentence, chars=chars, max_chars=self.max_chars)
        self.also(cleaned)
        return cleaned


def placeholders(sentence: str) -> set[str]:
    """The placeholders of a sentence, such as {"max:,"}. Raises BadValueError for a stray brace."""
    try:
        parsed = list(string.Formatter().parse(sentence))
    except ValueError as error:
        raise BadValueError(Problem.BRACE, "a brace has no partner") from error
    return {f"{name}:{form}" if form else name for _, name, form, _ in parsed if name is not None}
