"""The engine that talks to an inference server: TGI, vLLM, SGLang, llama.cpp and their like.

One ``AsyncInferenceClient`` per stream: it keeps every stream it ever opened until it is closed
itself, and closing it is what makes the server stop generating.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import AsyncInferenceClient, set_async_client_factory

from inference_queue.presets import DEFAULT_PRESET, PRESETS
from inference_queue.protocol import Completion, FailureReason, FinishReason, Job
from inference_worker.engines.base import Delta, ModelCard, Usage
from inference_worker.engines.served.dialects import (
    DIALECTS,
    LLAMA3_STOP_TOKEN_IDS,
    chat_fields,
    generate_fields,
)
from inference_worker.engines.served.discovery import (
    Probe,
    Server,
    address_of,
    authorization,
    http_client,
    root_of,
)
from inference_worker.engines.served.errors import CALL_ERRORS, broken, translate, unavailable
from inference_worker.engines.served.estimated_prompt import Prompt, fit
from inference_worker.engines.served.stream import (
    BROKEN_OFF,
    Answer,
    Chunk,
    read_chat,
    read_completion,
    read_generate,
)
from inference_worker.engines.served.token_id_prompt import Encoder, load_encoder, open_completion
from inference_worker.errors import EngineError

#: How long the token counts may come after the last word, in seconds.
USAGE_WAIT_S = 2.0

T = TypeVar("T")


class DeadlineReached(Exception):
    """The job's deadline came while the server was generating."""


class ServedEngine:
    """A model behind a URL.

    ``base_url``: the server's root, or its /v1, or its chat route. ``model``: as the server names
    it; empty: whatever it serves. ``dialect``: a key of DIALECTS, or "auto". ``preset``: for a
    model that PRESETS does not know. ``tokenizer``: the model's, a directory or hub id; with it
    the prompt goes as token ids where the server takes them. ``silence_timeout_s``: the longest
    wait for the next chunk; an answer as a whole may take as long as its job's deadline allows.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key: str = "",
        dialect: str = "auto",
        preset: str = "",
        tokenizer: str = "",
        connect_timeout_s: float = 5.0,
        silence_timeout_s: float = 60.0,
    ) -> None:
        self._base_url = base_url
        self._root = self._where = ""
        self._model = model
        self._api_key = api_key.strip()
        self._dialect = dialect
        self._preset = preset
        self._tokenizer = tokenizer
        self._encoder: Encoder | None = None
        self._connect_timeout_s = connect_timeout_s
        self._silence_timeout_s = silence_timeout_s
        self._server: Server | None = None
        self._card: ModelCard | None = None
        self._stop_token_ids: tuple[int, ...] = ()
        self._waits: set[asyncio.Timeout] = set()
        self._closed = False

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""
        if self._card is None:
            raise RuntimeError("the engine has not been started")
        return self._card

    @property
    def usage(self) -> Usage:
        """Nothing: the work is the server's, and one that is silent ends the answer."""
        return Usage()

    async def start(self, progress: Callable[[str], None]) -> None:
        """Reach the server and learn what it serves. Raises EngineError; may be called again."""
        self._root, self._where = self._address()
        set_async_client_factory(http_client)
        progress(f"Asking the inference server at {self._where} what it serves.")
        probe = Probe(self._root, self._api_key, self._connect_timeout_s)
        server = await probe.discover(self._dialect, self._model)
        self._card = self._describe(server)
        if self._tokenizer:
            await self._load_encoder(server, progress)
        self._server = server
        progress(f"{server.dialect.title} at {self._where} serves {server.model}.")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then the Completion. Raises EngineError."""
        prompt = await self._prompt(job)
        said_something = False
        while True:
            try:
                async with aclosing(self._answer(job, prompt)) as parts:
                    async for part in parts:
                        said_something = True
                        yield part
                return
            except EngineError as error:
                shorter = prompt.half()
                too_long = error.failure.reason is FailureReason.PROMPT_TOO_LONG
                if said_something or not too_long or shorter is None:
                    raise
                prompt = shorter

    async def close(self) -> None:
        """End every stream at once: their readers get an EngineError, the server stops."""
        self._closed = True
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():
                wait.reschedule(now)

    async def _load_encoder(self, server: Server, progress: Callable[[str], None]) -> None:
        if not server.dialect.token_ids:
            progress(f"{server.dialect.title} takes no token ids: markers are broken instead.")
        elif self._encoder is None:
            stop_tokens = PRESETS[self.card.preset].stop_tokens
            self._encoder = await asyncio.to_thread(load_encoder, self._tokenizer, stop_tokens)

    async def _prompt(self, job: Job) -> Prompt:
        server, card = self._serving(), self.card
        if self._encoder is None:
            return fit(job, context_window=card.context_window, max_input=server.max_input)
        window = card.context_window or PRESETS[card.preset].context_window
        return await asyncio.to_thread(self._encoder.fit, job, context_window=window)

    async def _answer(self, job: Job, prompt: Prompt) -> AsyncGenerator[Delta | Completion, None]:
        answer = Answer(stop=self._stop(job))
        read = read_chat if self._serving().dialect.chat else read_generate
        if prompt.ids:
            read = read_completion
        late = False
        try:
            async with self._stream(job, prompt) as stream:
                while chunk := await self._wait(_next(stream, read), job, answer):
                    if delta := answer.take(chunk):
                        yield delta
        except DeadlineReached:
            late = not answer.finish
        except EngineError:
            if not answer.finish:  # else only the token counts are missing
                raise
        yield self._completion(answer, prompt, late=late)

    @asynccontextmanager
    async def _stream(self, job: Job, prompt: Prompt) -> AsyncIterator[AsyncGenerator[Any, None]]:
        """One request and its events; leaving it ends the request at the server."""
        if job.remaining_s() <= 0:
            raise DeadlineReached
        # Silence is timed in _wait: keep-alive comments must not count as an answer.
        timeout = httpx2.Timeout(None, connect=self._connect_timeout_s)
        opening: Awaitable[AsyncGenerator[Any, None]]
        async with AsyncExitStack() as exits:
            if prompt.ids:
                plain = await exits.enter_async_context(http_client())
                plain.timeout = timeout
                headers, body = authorization(self._api_key), self._completion_body(job, prompt)
                opening = open_completion(plain, self._root, headers, body)
            else:
                client = await exits.enter_async_context(self._client(timeout))
                opening = self._open(client, job, prompt)
            stream = await self._wait(opening, job)
            yield await exits.enter_async_context(aclosing(stream))

    def _client(self, timeout: httpx2.Timeout) -> AsyncInferenceClient:
        return AsyncInferenceClient(
            base_url=self._root,
            # Without a key the hub's client would send the token that is saved on this machine.
            api_key=self._api_key or "none",
            headers=authorization(self._api_key) or cast("dict[str, str]", {"authorization": None}),
            timeout=cast("float", timeout),
        )

    def _completion_body(self, job: Job, prompt: Prompt) -> dict[str, Any]:
        server = self._serving()
        return {
            "model": server.model,
            "prompt": list(prompt.ids),
            "stream": True,
            **self._chat_fields(job, prompt),
        }

    def _chat_fields(self, job: Job, prompt: Prompt) -> dict[str, Any]:
        return chat_fields(
            self._serving().dialect,
            job.sampling,
            max_new_tokens=prompt.max_new_tokens,
            stop=self._stop(job),
            stop_token_ids=self._encoder.stop_ids if self._encoder else self._stop_token_ids,
        )

    async def _open(
        self, client: AsyncInferenceClient, job: Job, prompt: Prompt
    ) -> AsyncGenerator[Any, None]:
        server = self._serving()
        stream: Any
        if server.dialect.chat:
            stream = await client.chat_completion(
                prompt.plain(),
                model=server.dialect.model or server.model,
                stream=True,
                extra_body=self._chat_fields(job, prompt),
            )
        else:
            fields = generate_fields(
                server.dialect,
                job.sampling,
                max_new_tokens=prompt.max_new_tokens,
                stop=self._stop(job),
            )
            stream = await client.text_generation(
                prompt.llama3(), stream=True, details=True, **fields
            )
        return cast("AsyncGenerator[Any, None]", stream)

    async def _wait(self, step: Awaitable[T], job: Job, answer: Answer | None = None) -> T:
        """Wait for the server, but never beyond the deadline, a long silence, or ``close``."""
        patience = USAGE_WAIT_S if answer and answer.finish else self._silence_timeout_s
        wait = asyncio.timeout(0 if self._closed else max(min(patience, job.remaining_s()), 0))
        try:
            async with wait:
                self._waits.add(wait)
                return await step
        except CALL_ERRORS as error:
            if not (isinstance(error, TimeoutError) and wait.expired()):
                raise translate(error, self._where) from error
        finally:
            self._waits.discard(wait)
        self._serving()
        if job.remaining_s() <= 0:
            raise DeadlineReached
        raise broken(self._where, f"has been silent for {patience:g} s")

    def _completion(self, answer: Answer, prompt: Prompt, *, late: bool) -> Completion:
        if late and not answer.text:
            raise EngineError(FailureReason.EXPIRED, "The deadline came before the first word.")
        if answer.finish in BROKEN_OFF or not (answer.finish or late):
            raise broken(self._where, "broke off the answer")
        return Completion(
            text=answer.text,
            finish_reason=FinishReason.DEADLINE if late else answer.finish_reason,
            model=self.card.name,
            prompt_tokens=answer.prompt_tokens or 0,
            completion_tokens=answer.completion_tokens,
            dropped_messages=prompt.dropped,
            first_token_ms=answer.first_token_ms,
            total_ms=answer.elapsed_ms(),
        )

    def _serving(self) -> Server:
        if self._server is None or self._closed:
            raise unavailable(self._where, "is not in use: the engine is closed", retryable=True)
        return self._server

    def _stop(self, job: Job) -> list[str]:
        """End-of-turn tokens first, as some checkpoints list only <|end_of_text|> as their end."""
        ends = PRESETS[self.card.preset].stop_tokens
        return list(dict.fromkeys((*ends, *job.sampling.stop)))

    def _describe(self, server: Server) -> ModelCard:
        known = _preset_of(server.model) or _preset_of(self._model) or self._preset
        key = known or DEFAULT_PRESET
        preset = PRESETS[key]
        llama3 = "<|eot_id|>" in preset.stop_tokens
        if not server.dialect.chat and not llama3:
            raise unavailable(self._where, f"gets no Llama-3 prompt for the preset {key!r}")
        # Where the preset is only a guess the ids may be ordinary tokens of another vocabulary.
        self._stop_token_ids = LLAMA3_STOP_TOKEN_IDS if known and llama3 else ()
        return ModelCard(
            name=server.model,
            preset=key,
            context_window=server.context_window or (preset.context_window if known else None),
            demo=preset.demo,
        )

    def _address(self) -> tuple[str, str]:
        """The server's root, and host and port to speak of it by; checks the settings."""
        try:
            root = root_of(self._base_url)
            where = address_of(root)
            named = urlsplit(root).scheme in ("http", "https") and urlsplit(root).hostname
        except ValueError:
            named = None
        if not named:
            raise _misconfigured("the engine's URL must look like http://host:port")
        if not (self._api_key.isascii() and self._api_key.isprintable()):
            raise _misconfigured("the API key must be ASCII without line breaks")
        if self._dialect != "auto" and self._dialect not in DIALECTS:
            raise _misconfigured(f"the dialect must be auto or one of {', '.join(DIALECTS)}")
        if self._preset and self._preset not in PRESETS:
            raise _misconfigured(f"the preset must be one of {', '.join(PRESETS)}")
        return root, where


async def _next(stream: AsyncGenerator[Any, None], read: Callable[[Any], Chunk]) -> Chunk | None:
    event = await anext(stream, None)
    return None if event is None else read(event)


def _misconfigured(what: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, f"Check the settings: {what}.")


def _preset_of(model: str) -> str:
    """The preset of a model by its name or path; quantised builds carry a suffix."""
    name = PurePosixPath(model).name.casefold()
    for key, preset in PRESETS.items():
        known = PurePosixPath(preset.model).name.casefold()
        if name in (key, known) or name.startswith((f"{known}-", f"{known}.", f"{known}_")):
            return key
    return ""
