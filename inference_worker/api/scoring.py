"""What a request asks of the probabilities of tokens, and of its prompt in the answer.

lm_eval's loglikelihood and multiple_choice tasks send ``echo``, ``logprobs`` and ``max_tokens`` 0
or 1 with the token ids of a question and one of its answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference_worker.api.errors import ApiError
from inference_worker.api.fields import Fields, wrong
from inference_worker.api.plain import Prompt
from inference_worker.engines.token_scores import MAX_TOP, WantedScores

#: Log-probabilities in the answers of one request: some 50 MB.
MAX_SCORES = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """``tells``: log-probabilities are sent; ``echoes``: the prompt is, before the answer."""

    wanted: WantedScores | None = None
    tells: bool = False
    echoes: bool = False


def read_chat_scoring(fields: Fields) -> Scoring:
    """``logprobs`` and ``top_logprobs`` of a chat completion. Raises ApiError."""
    if fields.flag("echo"):
        raise wrong("echo", "is for /v1/completions: send the prompt there")
    tells, top = fields.flag("logprobs"), _top(fields, "top_logprobs")
    if top and not tells:
        raise wrong("top_logprobs", "needs logprobs: true")
    if not tells:
        return Scoring()
    _refuse_stream(fields)
    return Scoring(wanted=WantedScores(top=top or 0), tells=True)


def read_plain_scoring(
    fields: Fields, prompts: Sequence[Prompt], *, max_new_tokens: int
) -> Scoring:
    """``logprobs`` and ``echo`` of a plain completion. Raises ApiError.

    ``max_new_tokens``: of each prompt's answer.
    """
    echoes = fields.flag("echo")
    is_off = fields.get("logprobs") is False  # as older clients say it
    top = None if is_off else _top(fields, "logprobs")
    if top is None and not echoes:
        return Scoring()
    _refuse_stream(fields)
    # A token takes one byte at least.
    sizes = [len(one.encode() if isinstance(one, str) else one) * echoes for one in prompts]
    if sum(size + max_new_tokens for size in sizes) * ((top or 0) + 1) > MAX_SCORES:
        sentence = "has too many tokens for one request with logprobs: send fewer prompts"
        raise wrong("prompt", sentence)
    wanted = WantedScores(top=top or 0, prompt=echoes)
    return Scoring(wanted=wanted, tells=top is not None, echoes=echoes)


def _top(fields: Fields, name: str) -> int | None:
    top = fields.whole(name)
    if top is not None and not 0 <= top <= MAX_TOP:
        raise wrong(name, f"must be from 0 to {MAX_TOP}")
    return top


def _refuse_stream(fields: Fields) -> None:
    if fields.flag("stream"):
        sentence = "logprobs and echo are not streamed: leave stream out."
        raise ApiError(400, sentence, "unsupported", "stream")
