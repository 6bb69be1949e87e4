"""What is wrong with a value: for programs a word, for the command line the end of a sentence."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType


class Problem(StrEnum):
    """Why a value cannot be set."""

    UNKNOWN_KEY = "unknown_key"
    NUMBER = "number"  #: no whole number from ``low`` to ``high``
    FLAG = "flag"
    CHOICE = "choice"  #: none of ``words``
    ADAPTER = "adapter"  #: no adapter's name, nor the word ``none``
    TEXT = "text"
    EMPTY = "empty"
    LONG = "long"  #: ``chars`` characters, where ``max_chars`` fit
    BRACE = "brace"  #: a brace without its partner
    PLACEHOLDERS = "placeholders"  #: others than ``words``


class BadValueError(ValueError):
    """A value that cannot be set; the text is the end of an English sentence."""

    def __init__(self, problem: Problem, sentence: str, **facts: object) -> None:
        """``facts``: the numbers and words of the sentence, for another language."""
        super().__init__(sentence)
        self.problem = problem
        self.facts = MappingProxyType(facts)
