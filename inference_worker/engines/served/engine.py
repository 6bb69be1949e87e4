"""The engine that talks to an inference server: TGI, vLLM, SGLang, llama.cpp and their like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import PurePosixPath

from huggingface_hub import set_async_client_factory

from inference_queue.presets import DEFAULT_PRESET, PRESETS
from inference_queue.protocol import Completion, FailureReason, Job
from inference_worker.engines.base import Delta, ModelCard, Usage
from inference_worker.engines.served.bounded_wait import BoundedWaits, closed
from inference_worker.engines.served.discovery import Backend, Probe, http_client
from inference_worker.engines.served.endpoint import Endpoint, EndpointSettings, read_endpoint
from inference_worker.engines.served.errors import unavailable
from inference_worker.engines.served.estimated_prompt import Prompt, fit
from inference_worker.engines.served.generation import Connection, Generation
from inference_worker.engines.served.token_id_prompt import Encoder, load_encoder
from inference_worker.errors import EngineError
from inference_worker.prompt.stop_tokens import guessed_stop_token_ids, is_llama3


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
        self._settings = EndpointSettings(
            base_url=base_url,
            model=model,
            api_key=api_key.strip(),
            dialect=dialect,
            preset=preset,
            tokenizer=tokenizer,
            connect_timeout_s=connect_timeout_s,
            silence_timeout_s=silence_timeout_s,
        )
        self._endpoint = Endpoint()
        self._encoder: Encoder | None = None
        self._connection: Connection | None = None
        self._waits = BoundedWaits()

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""
        if self._connection is None:
            raise RuntimeError("the engine has not been started")
        return self._connection.card

    @property
    def usage(self) -> Usage:
        """Nothing: the work is the server's, and a silent server ends the answer."""
        return Usage()

    async def start(self, progress: Callable[[str], None]) -> None:
        """Reach the server and learn what it serves. Raises EngineError; may be called again."""
        settings = self._settings
        self._endpoint = endpoint = read_endpoint(settings)
        set_async_client_factory(http_client)
        progress(f"Asking the inference server at {endpoint.address} what it serves.")
        probe = Probe(endpoint.root, settings.api_key, settings.connect_timeout_s)
        backend = await probe.discover(settings.dialect, settings.model)
        preset, is_known = self._preset_of(backend)
        card = self._describe(backend, preset, is_known=is_known)
        if settings.tokenizer:
            await self._load_encoder(backend, progress)
        self._connection = Connection(
            settings=settings,
            endpoint=endpoint,
            backend=backend,
            card=card,
            encoder=self._encoder,
            # Where the preset is only a guess the ids may be ordinary tokens of another model.
            stop_token_ids=guessed_stop_token_ids(PRESETS[preset]) if is_known else (),
            waits=self._waits,
        )
        progress(f"{backend.dialect.title} at {endpoint.address} serves {backend.model}.")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then the Completion. Raises EngineError."""
        connection = self._connected()
        prompt = await _fit(connection, job)
        has_output = False
        while True:
            try:
                generation = Generation(self._connected(), job, prompt)
                async with aclosing(generation.events()) as events:
                    async for event in events:
                        has_output = True
                        yield event
                return
            except EngineError as error:
                shorter = prompt.half()
                is_too_long = error.failure.reason is FailureReason.PROMPT_TOO_LONG
                if has_output or not is_too_long or shorter is None:
                    raise
                prompt = shorter

    async def close(self) -> None:
        """End every stream at once: their readers get an EngineError, the server stops."""
        self._waits.close()

    def _connected(self) -> Connection:
        self._waits.check_open(self._endpoint.address)
        if self._connection is None:
            raise closed(self._endpoint.address)
        return self._connection

    async def _load_encoder(self, backend: Backend, progress: Callable[[str], None]) -> None:
        if not backend.dialect.token_ids:
            progress(f"{backend.dialect.title} takes no token ids: markers are broken instead.")
        elif self._encoder is None:
            self._encoder = await asyncio.to_thread(load_encoder, self._settings.tokenizer)

    def _preset_of(self, backend: Backend) -> tuple[str, bool]:
        """The key of the model's preset, and whether it is known or only the default."""
        names = (backend.model, self._settings.model)
        key = next(filter(None, map(_preset_of, names)), "") or self._settings.preset
        return key or DEFAULT_PRESET, bool(key)

    def _describe(self, backend: Backend, key: str, *, is_known: bool) -> ModelCard:
        preset = PRESETS[key]
        if not backend.dialect.chat and not is_llama3(preset):
            address = self._endpoint.address
            raise unavailable(address, f"gets no Llama-3 prompt for the preset {key!r}")
        window = preset.context_window if is_known else None
        return ModelCard(
            name=backend.model,
            preset=key,
            context_window=backend.context_window or window,
            demo=preset.demo,
        )


async def _fit(connection: Connection, job: Job) -> Prompt:
    backend, card, encoder = connection.backend, connection.card, connection.encoder
    if encoder is None:
        return fit(job, context_window=card.context_window, max_input=backend.max_input)
    window = card.context_window or PRESETS[card.preset].context_window
    return await asyncio.to_thread(encoder.fit, job, context_window=window)


def _preset_of(model: str) -> str:
    """The preset of a model by its name or path; quantised builds carry a suffix."""
    name = PurePosixPath(model).name.casefold()
    for key, preset in PRESETS.items():
        known = PurePosixPath(preset.model).name.casefold()
        if name in (key, known) or name.startswith((f"{known}-", f"{known}.", f"{known}_")):
            return key
    return ""
