"""One answer of an inference server: the request, its stream, and the completion.

One ``AsyncInferenceClient`` per stream: it keeps every stream it ever opened until it is closed
itself, and closing it is what makes the server stop generating.
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
from inference_worker.engines.served.discovery import authorization, http_client
from inference_worker.engines.served.errors import broken
from inference_worker.engines.served.estimated_prompt import Prompt
from inference_worker.engines.served.stream import (
    Chunk,
    StreamAccumulator,
    read_chat,
    read_completion,
    read_generate,
)
from inference_worker.engines.served.token_id_prompt import open_completion
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
        # Silence is timed by _wait: keep-alive comments must not count as an answer.
        timeout = httpx2.Timeout(None, connect=self._connection.settings.connect_timeout_s)
        opening: Awaitable[AsyncGenerator[Any, None]]
        async with AsyncExitStack() as stack:
            if self._prompt.ids or self._prompt.is_plain:
                http = await stack.enter_async_context(http_client())
                http.timeout = timeout
                opening = self._open_completion(http)
            else:
                client = await stack.enter_async_context(self._client(timeout))
                opening = self._open(client)
            stream = await self._wait(opening)
            yield await stack.enter_async_context(aclosing(stream))

    def _client(self, timeout: httpx2.Timeout) -> AsyncInferenceClient:
        api_key = self._connection.settings.api_key
        return AsyncInferenceClient(
            base_url=self._url(),
            # Without a key the hub's client would send the token that is saved on this machine.
            api_key=api_key or "none",
            headers=authorization(api_key) or cast("dict[str, str]", {"authorization": None}),
            timeout=cast("float", timeout),
        )

    def _url(self) -> str:
        """The chat route in full: the hub's client takes it as it is; TGI's own is the root."""
        backend = self._connection.backend
        root = self._connection.endpoint.root
        return f"{backend.api}/chat/completions" if backend.dialect.chat else root

    def _open_completion(self, http: httpx2.AsyncClient) -> Awaitable[AsyncGenerator[Any, None]]:
        body = {
            "model": self._connection.backend.model,
            "prompt": list(self._prompt.ids) or self._prompt.text,
            "stream": True,
            **self._chat_fields(),
            **self._connection.adapter_fields(self._job.adapter),
        }
        headers = authorization(self._connection.settings.api_key)
        return open_completion(http, self._connection.backend.api, headers, body)

    async def _open(self, client: AsyncInferenceClient) -> AsyncGenerator[Any, None]:
        backend, prompt = self._connection.backend, self._prompt
        stream: Any
        if backend.dialect.chat:
            adapter = self._connection.adapter_fields(self._job.adapter)
            model = adapter.pop("model", backend.dialect.model or backend.model)
            stream = await client.chat_completion(
                prompt.chat(),
                model=model,
                stream=True,
                extra_body={**self._chat_fields(), **self._fields_of_going_on(), **adapter},
            )
        else:
            fields = generate_fields(
                backend.dialect,
                self._job.sampling,
                max_new_tokens=prompt.max_new_tokens,
                stop=self._stop,
            )
            stream = await client.text_generation(
                prompt.llama3(), stream=True, details=True, **fields
            )
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
