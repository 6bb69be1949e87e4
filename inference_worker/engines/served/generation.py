"""One answer of an inference server: the request, its stream, and the completion.

TGI's own route alone is asked by the hub's client, one for each stream: it keeps every stream that
it ever opened until it is closed itself, and closing it is what makes the server stop generating.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, TypeVar, cast

import httpx2
from huggingface_hub import AsyncInferenceClient

from inference_queue.protocol import Completion, FailureReason, FinishReason, Job
from inference_worker.answer.answer_text import AnswerText
from inference_worker.answer.raw_text import RawText
from inference_worker.answer.turn_end import TurnEnd
from inference_worker.engines.base import Delta, PlainRequest, TokenizedCompletion
from inference_worker.engines.served.bounded_wait import DeadlineReached
from inference_worker.engines.served.connection import Connection
from inference_worker.engines.served.dialects import chat_fields, generate_fields
from inference_worker.engines.served.discovery import authorization
from inference_worker.engines.served.errors import broken
from inference_worker.engines.served.estimated_prompt import Prompt
from inference_worker.engines.served.stream import (
    Chunk,
    StreamAccumulator,
    read_chat,
    read_completion,
    read_generate,
)
from inference_worker.errors import EngineError
from inference_worker.prompt.open_answer import split_open
from inference_worker.prompt.stop_tokens import stop_strings

#: How long the token counts may come after the last text, in seconds.
USAGE_WAIT_S = 2.0

T = TypeVar("T")


class Generation:
    """One request for one prompt. Leaving its stream ends the request at the server."""

    def __init__(self, connection: Connection, job: Job | PlainRequest, prompt: Prompt) -> None:
        self._connection = connection
        self._job = job
        self._prompt = prompt
        self._stop = stop_strings(connection.stop_tokens, job.sampling)
        self._output = StreamAccumulator(
            TurnEnd(() if prompt.is_plain else connection.end_markers, self._stop),
            RawText() if prompt.is_plain else _answer_text(connection, prompt),
        )

    async def events(self) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then the Completion. Raises EngineError."""
        output, read = self._output, self._reader()
        is_late = False
        try:
            async with self._stream() as stream:
                while chunk := await self._wait(_next(stream, read)):
                    if delta := output.take(chunk):
                        yield delta
                    if output.is_over:  # leaving the stream stops the server
                        break
        except DeadlineReached:
            is_late = not output.finish
        except EngineError:
            if not output.finish:  # else only the token counts are missing
                raise
        reason = self._finish_reason(is_late=is_late)
        if delta := output.flush(reason):
            yield delta
        yield self._completion(reason)

    def _reader(self) -> Callable[[Any], Chunk]:
        if self._prompt.ids or self._prompt.is_plain:
            return read_completion
        return read_chat if self._connection.backend.dialect.chat else read_generate

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[AsyncGenerator[Any, None]]:
        if self._job.remaining_s() <= 0:
            raise DeadlineReached
        async with AsyncExitStack() as stack:
            if self._prompt.ids or self._prompt.is_plain:
                opening = self._open("/completions", self._completion_body())
            elif self._connection.backend.dialect.chat:
                opening = self._open("/chat/completions", self._chat_body())
            else:
                opening = self._open_raw(await stack.enter_async_context(self._client()))
            stream = await self._wait(opening)
            yield await stack.enter_async_context(aclosing(stream))

    def _client(self) -> AsyncInferenceClient:
        settings = self._connection.settings
        return AsyncInferenceClient(
            base_url=self._connection.endpoint.root,
            # Without a key the hub's client would send the token that is saved on this machine.
            api_key=settings.api_key or "none",
            headers=authorization(settings.api_key)
            or cast("dict[str, str]", {"authorization": None}),
            timeout=cast("float", httpx2.Timeout(None, connect=settings.connect_timeout_s)),
        )

    def _open(self, route: str, body: dict[str, Any]) -> Awaitable[AsyncGenerator[Any, None]]:
        settings = self._connection.settings
        return self._connection.streams.open(
            f"{self._connection.backend.api}{route}",
            {"stream": True, **body},
            headers=authorization(settings.api_key),
            connect_timeout_s=settings.connect_timeout_s,
        )

    def _completion_body(self) -> dict[str, Any]:
        prompt = self._prompt
        return {
            "model": self._connection.backend.model,
            "prompt": list(prompt.ids) or prompt.text,
            **self._chat_fields(),
            **self._connection.adapter_fields(self._job.adapter),
        }

    def _chat_body(self) -> dict[str, Any]:
        backend = self._connection.backend
        return {
            "model": backend.dialect.model or backend.model,
            "messages": self._prompt.chat(),
            **self._chat_fields(),
            **self._fields_of_going_on(),
            **self._connection.adapter_fields(self._job.adapter),
        }

    async def _open_raw(self, client: AsyncInferenceClient) -> AsyncGenerator[Any, None]:
        fields = generate_fields(
            self._connection.backend.dialect,
            self._job.sampling,
            max_new_tokens=self._prompt.max_new_tokens,
            stop=self._stop,
        )
        prompt = self._prompt.llama3()
        stream = await client.text_generation(prompt, stream=True, details=True, **fields)
        return cast("AsyncGenerator[Any, None]", stream)

    def _fields_of_going_on(self) -> Mapping[str, bool]:
        fields = self._connection.backend.dialect.going_on
        return fields if fields and self._prompt.goes_on else {}

    def _chat_fields(self) -> dict[str, Any]:
        encoder = self._connection.encoder
        return chat_fields(
            self._connection.backend.dialect,
            self._job.sampling,
            max_new_tokens=self._prompt.max_new_tokens,
            stop=self._stop,
            stop_token_ids=encoder.stop_ids if encoder else self._connection.stop_token_ids,
        )

    async def _wait(self, step: Awaitable[T]) -> T:
        silence_s = self._connection.settings.silence_timeout_s
        if self._output.finish:
            silence_s = USAGE_WAIT_S
        address = self._connection.endpoint.address
        return await self._connection.waits.wait(
            step, self._job, silence_s=silence_s, address=address
        )

    def _finish_reason(self, *, is_late: bool) -> FinishReason:
        """The reason for the end. Raises EngineError where the answer is not whole."""
        output = self._output
        if is_late:
            if output.first_token_ms is None:
                raise EngineError(FailureReason.EXPIRED, "The deadline came before the first word.")
            return FinishReason.DEADLINE
        if not (output.is_whole or output.is_over):
            raise broken(self._connection.endpoint.address, "broke off the answer")
        return output.finish_reason

    def _completion(self, reason: FinishReason) -> Completion:
        output = self._output
        written = output.written(reason)
        return TokenizedCompletion(
            text=written.text,
            reasoning=written.reasoning,
            finish_reason=written.finish_reason,
            model=self._connection.card.answered_by(self._job.adapter),
            prompt_tokens=output.prompt_tokens or 0,
            completion_tokens=output.completion_tokens,
            dropped_messages=self._prompt.dropped,
            cut_chars=self._prompt.cut_chars,
            first_token_ms=output.first_token_ms,
            total_ms=output.elapsed_ms(),
            prompt_ids=self._prompt.ids,
        )


def _answer_text(connection: Connection, prompt: Prompt) -> AnswerText:
    return AnswerText(
        connection.habit,
        repetition_chars=connection.settings.repetition_chars,
        before=split_open(prompt.messages)[1],
    )


async def _next(stream: AsyncGenerator[Any, None], read: Callable[[Any], Chunk]) -> Chunk | None:
    event = await anext(stream, None)
    return None if event is None else read(event)
