"""A text with its tokens' probabilities, from servers that tell them: vLLM and SGLang.

Their completion route takes OpenAI's old ``echo`` and ``logprobs``. A stream is read as elsewhere,
so that keep-alives, aborts and time-outs are, too; it is answered whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from inference_queue.protocol import FailureReason, FinishReason
from inference_worker.engines.base import PlainRequest
from inference_worker.engines.served.bounded_wait import DeadlineReached
from inference_worker.engines.served.connection import Connection
from inference_worker.engines.served.dialects import chat_fields
from inference_worker.engines.served.discovery import authorization
from inference_worker.engines.served.errors import broken
from inference_worker.engines.served.estimated_prompt import Prompt
from inference_worker.engines.served.stream import read_completion
from inference_worker.engines.token_scores import (
    LEAST,
    NO_SCORES,
    TOO_LATE,
    Likely,
    ScoredCompletion,
    TokenScore,
    WantedScores,
)
from inference_worker.errors import EngineError


@dataclass(slots=True)
class _Read:
    """What has come so far."""

    text: str = ""
    scores: list[TokenScore] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def take(self, event: Mapping[str, Any]) -> None:
        """Add an event. Raises ValueError, TypeError and the like for one of another form."""
        chunk = read_completion(event)
        self.text += chunk.text
        self.finish = chunk.finish or self.finish
        self.prompt_tokens = chunk.prompt_tokens or self.prompt_tokens
        self.completion_tokens = chunk.completion_tokens or self.completion_tokens
        for choice in event.get("choices") or ():
            told = choice.get("logprobs") or {}
            self.scores += _scores(told)
            self.offsets += told.get("text_offset") or ()

    def begin_of_answer(self, wanted: WantedScores) -> int:
        """Where the answer begins in the text."""
        if not wanted.prompt:
            return 0
        behind = self.offsets[self.prompt_tokens : self.prompt_tokens + 1]
        return behind[0] if behind else len(self.text)


async def scored(
    connection: Connection, plain: PlainRequest, prompt: Prompt, wanted: WantedScores
) -> ScoredCompletion:
    """The completion. Raises EngineError, also where the server tells nothing."""
    started, read = time.monotonic(), _Read()
    try:
        await _read_all(connection, plain, _body(connection, plain, prompt, wanted), read)
    except DeadlineReached:
        raise EngineError(FailureReason.EXPIRED, TOO_LATE) from None
    address = connection.endpoint.address
    if not read.finish:
        raise broken(address, "broke off the answer")
    if not read.scores or (wanted.prompt and not 0 < read.prompt_tokens <= len(read.scores)):
        raise EngineError(FailureReason.INVALID_JOB, NO_SCORES)
    begin = read.begin_of_answer(wanted)
    split = read.prompt_tokens if wanted.prompt else 0
    return ScoredCompletion(
        text=read.text[begin:],
        prompt_text=read.text[:begin],
        finish_reason=FinishReason.LENGTH if read.finish == "length" else FinishReason.STOP,
        model=connection.card.answered_by(plain.adapter),
        prompt_tokens=read.prompt_tokens,
        completion_tokens=read.completion_tokens,
        total_ms=(time.monotonic() - started) * 1000,
        prompt_ids=prompt.ids,
        prompt_scores=tuple(read.scores[:split]),
        scores=tuple(read.scores[split:]),
    )


async def _read_all(
    connection: Connection, plain: PlainRequest, body: dict[str, Any], read: _Read
) -> None:
    settings, address = connection.settings, connection.endpoint.address

    async def wait(step: Any) -> Any:
        silence_s = settings.silence_timeout_s
        return await connection.waits.wait(step, plain, silence_s=silence_s, address=address)

    opening = connection.streams.open(
        f"{connection.backend.api}/completions",
        body,
        headers=authorization(settings.api_key),
        connect_timeout_s=settings.connect_timeout_s,
    )
    async with aclosing(await wait(opening)) as events:
        while (event := await wait(anext(events, None))) is not None:
            await wait(_taken(read, event))


async def _taken(read: _Read, event: Mapping[str, Any]) -> None:
    """Inside ``wait``, so that another form is a failure of the server's."""
    read.take(event)


def _body(
    connection: Connection, plain: PlainRequest, prompt: Prompt, wanted: WantedScores
) -> dict[str, Any]:
    return {
        "model": connection.backend.model,
        "prompt": list(prompt.ids) or prompt.text,
        "stream": True,
        "logprobs": wanted.top,
        "echo": wanted.prompt,
        **chat_fields(
            connection.backend.dialect,
            plain.sampling,
            max_new_tokens=prompt.max_new_tokens,
            stop=plain.sampling.stop,
        ),
        **connection.adapter_fields(plain.adapter),
    }


def _scores(told: Mapping[str, Any]) -> Iterable[TokenScore]:
    """The tokens of OpenAI's form, which may lack the most probable ones."""
    tokens, logprobs = told.get("tokens") or [], told.get("token_logprobs") or []
    tops = told.get("top_logprobs") or [None] * len(tokens)
    for token, logprob, top in zip(tokens, logprobs, tops, strict=True):
        falling = sorted((top or {}).items(), key=lambda one: -_number(one[1]))
        likely = tuple(Likely(_utf8(text), _number(value)) for text, value in falling)
        value = None if logprob is None else _number(logprob)
        yield TokenScore(_utf8(token), value, likely)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a log-probability is no number")
    return max(float(value), LEAST)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
