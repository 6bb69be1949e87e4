"""The sentences for messages that cannot be answered."""

from __future__ import annotations

from bot.domain.messenger import Problem
from bot.text.catalog import Texts


def problem_sentence(problem: Problem | None, texts: Texts, *, max_chars: int) -> str:
    """The sentence for a problem; ``max_chars``: the maximum length of a text."""
    sentences = {
        Problem.EMPTY: texts.empty_utterance,
        Problem.TOO_LONG: texts.too_long.format(max=max_chars),
        Problem.MEDIA: texts.media_unsupported,
    }
    return sentences.get(problem, texts.unreadable) if problem else texts.unreadable
