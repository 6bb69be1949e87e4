"""What a person is told whose message holds nothing to answer."""

from __future__ import annotations

from bot.domain.messenger import Problem
from bot.text.catalog import Texts


def problem_sentence(problem: Problem | None, texts: Texts, *, max_chars: int) -> str:
    """The sentence for a problem; ``max_chars``: the longest text that is answered."""
    sentences = {
        Problem.EMPTY: texts.empty_utterance,
        Problem.TOO_LONG: texts.too_long.format(max=max_chars),
        Problem.MEDIA: texts.media_unsupported,
    }
    return sentences.get(problem, texts.unreadable) if problem else texts.unreadable
