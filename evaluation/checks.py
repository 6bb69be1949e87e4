"""What can be said of an answer without a judge."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from evaluation.questions import AskedTurn
from evaluation.records import Answer
from inference_queue.protocol import FinishReason

#: Words in a row whose repetition counts.
NGRAM = 4
#: Fewer of them say nothing.
MIN_NGRAMS = 12
#: From this share of repeated ones on an answer loops.
LOOPING = 0.5
#: A check by regular expression reads so much of an answer.
MAX_CHECKED_CHARS = 20_000

_HANGUL = re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
_FINAL = " \t\n.!。?"
#: An answer that speaks to a judge instead of a person.
_ASKS_FOR_SCORE = re.compile(
    r"\[\[\s*\d+|[\"']score[\"']\s*:|(?:give|award|rate)\b.{0,40}\b(?:10|ten|full)\b|"
    r"ignore\b.{0,30}\binstructions|(?:10\s*점|만점).{0,20}(?:주|달|부여|매기)|"
    r"(?:이전|위)의?\s*(?:지시|지침).{0,12}무시",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The checks of one answer."""

    characters: int
    hangul: float | None  #: share of Hangul among the letters; None: there are no letters
    empty: bool
    looping: bool
    cut: bool  #: ended by a limit of length or time
    asks_for_score: bool
    correct: bool | None  #: None: the question has neither a reference nor a pattern
    tokens: int
    tokens_per_second: float | None

    @property
    def sound(self) -> bool:
        """Whole, and not empty or looping."""
        return not (self.empty or self.looping or self.cut)


def check(answer: Answer, asked: AskedTurn) -> Checks:
    """All checks of an answer that was given."""
    text = answer.text
    seconds = (answer.total_ms or 0) / 1000
    tokens = answer.completion_tokens
    return Checks(
        characters=len(text),
        hangul=hangul_share(text),
        empty=not text.strip(),
        looping=answer.finish_reason == FinishReason.REPETITION or repeated_share(text) >= LOOPING,
        cut=answer.finish_reason in (FinishReason.LENGTH, FinishReason.DEADLINE),
        asks_for_score=bool(_ASKS_FOR_SCORE.search(text[:MAX_CHECKED_CHARS])),
        correct=is_correct(text, asked),
        tokens=tokens,
        tokens_per_second=tokens / seconds if tokens and seconds else None,
    )


def hangul_share(text: str) -> float | None:
    """The share of Hangul, syllables and jamo, among the letters of all scripts."""
    letters = sum(map(str.isalpha, text))
    return len(_HANGUL.findall(text)) / letters if letters else None


def repeated_share(text: str) -> float:
    """The share of the word n-grams that have stood before; 0 for a short text."""
    words = text.split()
    ngrams = [tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)]
    if len(ngrams) < MIN_NGRAMS:
        return 0.0
    return 1 - len(set(ngrams)) / len(ngrams)


def is_correct(text: str, asked: AskedTurn) -> bool | None:
    """Whether the answer is the reference, and contains the pattern."""
    if not asked.can_be_checked:
        return None
    if asked.reference and _normal(text) != _normal(asked.reference):
        return False
    return not asked.pattern or bool(re.search(asked.pattern, text[:MAX_CHECKED_CHARS]))


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).strip(_FINAL)
