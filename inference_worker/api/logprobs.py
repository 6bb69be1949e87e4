"""Log-probabilities as OpenAI's clients read them, in the form of each route."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from typing import Any

from inference_worker.engines.token_scores import TokenScore

Json = dict[str, Any]


def of_chat(scores: Sequence[TokenScore]) -> Json:
    """``logprobs`` of a chat completion's choice."""
    return {
        "content": [
            {
                **_entry(score.text, score.logprob),
                "top_logprobs": [_entry(one.text, one.logprob) for one in score.top],
            }
            for score in scores
        ]
    }


def of_plain(scores: Sequence[TokenScore]) -> Json:
    """``logprobs`` of a plain completion's choice; the first token of a prompt has null.

    Tokens that read alike (parts of characters) share one entry, the most probable's.
    """
    return {
        "tokens": [_read(score.text) for score in scores],
        "token_logprobs": [score.logprob for score in scores],
        "top_logprobs": [_top(score) for score in scores],
        "text_offset": list(_offsets(scores)),
    }


def _top(score: TokenScore) -> dict[str, float] | None:
    """The most probable tokens and the token itself, as vLLM has them."""
    if score.logprob is None:
        return None
    top: dict[str, float] = {}
    for one in score.top:
        top.setdefault(_read(one.text), one.logprob)
    top.setdefault(_read(score.text), score.logprob)
    return top


def _offsets(scores: Sequence[TokenScore]) -> Iterator[int]:
    """Where each token begins, in code points of the text."""
    decoder, offset = codecs.getincrementaldecoder("utf-8")("replace"), 0
    for score in scores:
        yield offset
        offset += len(decoder.decode(score.text))


def _entry(text: bytes, logprob: float | None) -> Json:
    return {"token": _read(text), "logprob": logprob, "bytes": list(text)}


def _read(text: bytes) -> str:
    return text.decode("utf-8", "replace")
