"""Scores of token ids as scores of what the tokens say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from inference_worker.engines.local.token_bytes import TokenBytes
from inference_worker.engines.token_scores import Likely, TokenScore, WantedScores

if TYPE_CHECKING:
    from inference_worker.engines.local.token_scorer import RawScore  # torch

Scores = tuple[TokenScore, ...]


def told(
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    answer: Sequence[int],
    found: Sequence[RawScore],
    wanted: WantedScores | None,
) -> tuple[Scores, Scores]:
    """Of the prompt and of the answer, as far as they are wanted and were found."""
    if wanted is None:
        return (), ()
    known = TokenBytes(tokenizer)

    def score(token: int, raw: RawScore) -> TokenScore:
        top = tuple(Likely(known.of(other), logprob) for other, logprob in raw.top)
        return TokenScore(known.of(token), raw.logprob, top)

    if not wanted.prompt:
        return (), tuple(map(score, answer, found))
    of_prompt = map(score, prompt[1:], found)
    first = TokenScore(known.of(prompt[0]), None)
    return (first, *of_prompt), tuple(map(score, answer, found[len(prompt) - 1 :]))
