"""The engine that talks to an inference server: TGI, vLLM, SGLang, llama.cpp and their like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Unpack

import structlog
from huggingface_hub import set_async_client_factory

from inference_queue.protocol import Completion, FailureReason, Job, Role
from inference_worker.engines.base import (
    Delta,
    ModelCard,
    PlainRequest,
    Usage,
    refuse_adapter,
    refuse_pictures,
)
from inference_worker.engines.served.bounded_wait import BoundedWaits, closed
from inference_worker.engines.served.connection import Connection, connect, identify
from inference_worker.engines.served.discovery import Backend, Probe, http_client
from inference_worker.engines.served.endpoint import (
    Endpoint,
    EndpointOptions,
    EndpointSettings,
    read_endpoint,
)
from inference_worker.engines.served.errors import (
    ModelGoneError,
    NoSystemRoleError,
    TooLongError,
    refuses_adapter,
)
from inference_worker.engines.served.estimated_prompt import Prompt
from inference_worker.engines.served.event_stream import EventStreams
from inference_worker.engines.served.fitting import fit_job, fit_shorter, plain_prompt
from inference_worker.engines.served.generation import Generation
from inference_worker.engines.served.scored import scored
from inference_worker.engines.served.token_id_prompt import Encoder, load_encoder
from inference_worker.engines.token_scores import NO_SCORES, WantedScores
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.system_role import SystemRole

log = structlog.get_logger(__name__)

#: How often a server that cannot answer is asked whether it is back, in seconds.
TROUBLE_REFRESH_S = 2.0
#: Requests for one answer: refused prompts are shortened, a changed model is asked anew.
MAX_REQUESTS = 12


class ServedEngine:
    """A model behind a URL.

    ``base_url``: the server's root, its /v1, its chat route, or a path of a gateway. It is asked
    what it serves at the start, every ``refresh_s``, and when it does not know the model any more.
    """

    def __init__(self, base_url: str, **options: Unpack[EndpointOptions]) -> None:
        settings = EndpointSettings(base_url=base_url, **options)
        self._settings = replace(settings, api_key=settings.api_key.strip())
        self._endpoint = Endpoint()
        self._encoder: Encoder | None = None
        self._encoded_model = ("", "")  # the model, and that behind an alias, of the encoder
        self._connection: Connection | None = None
        self._waits = BoundedWaits()
        self._streams = EventStreams()
        self._trouble = ""
        self._asking = asyncio.Lock()
        self._is_doubted = False  # an answer failed for the server's sake: ask soon
        self._asked_at = 0.0  # on the clock of time.monotonic

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

    @property
    def template(self) -> ChatTemplate | None:
        """That of WORKER_TOKENIZER, while it is the served model's."""
        encoder = self._connection.encoder if self._connection else None
        return encoder.template if encoder else None

    async def start(self, progress: Callable[[str], None]) -> None:
        """Reach the server and learn what it serves. Raises EngineError; may be called again."""
        self._endpoint = read_endpoint(self._settings)
        set_async_client_factory(http_client)
        progress(f"Asking the inference server at {self._endpoint.address} what it serves.")
        async with self._asking:
            self._asked_at = time.monotonic()
            connection = await self._reach(progress)
        self._adopt(connection)
        identity = identify(connection.backend, self._settings)
        told = f"{identity.sentence(connection.backend)} {connection.lacking}".rstrip()
        progress(f"Reached {self._endpoint.address}. {told}")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then the Completion. Raises EngineError."""
        connection = self._connected()
        prompt = await self._prompt(connection, job)
        for number in range(1, MAX_REQUESTS + 1):
            has_output = False
            try:
                generation = Generation(connection, job, prompt)
                async with aclosing(generation.events()) as events:
                    async for event in events:
                        has_output = True
                        yield event
                return
            except EngineError as error:
                if has_output or number == MAX_REQUESTS:
                    raise
                if isinstance(error, TooLongError):
                    shorter = await fit_shorter(connection, job, prompt, error.size)
                    if shorter is None:
                        raise
                    prompt = shorter
                elif isinstance(error, NoSystemRoleError):
                    connection = self._without_system(connection, job, error)
                    prompt = await self._prompt(connection, job)
                else:
                    connection = await self._mended(connection, job, error)
                    prompt = await self._prompt(connection, job)

    async def complete(self, plain: PlainRequest) -> AsyncGenerator[Delta | Completion, None]:
        """Go on with a text, where the server has the route; see ``CompletingEngine.complete``."""
        connection = self._connected()
        refuse_adapter(connection.card, plain)
        prompt = await plain_prompt(connection, plain)
        async with aclosing(Generation(connection, plain, prompt).events()) as events:
            async for event in events:
                yield event

    async def score(
        self, asked: Job | PlainRequest, wanted: WantedScores
    ) -> AsyncGenerator[Delta | Completion, None]:
        """A text with its tokens' probabilities; see ``ScoringEngine.score``. Chats have none."""
        connection = self._connected()
        if not (isinstance(asked, PlainRequest) and connection.backend.dialect.scores):
            raise EngineError(FailureReason.INVALID_JOB, NO_SCORES)
        refuse_adapter(connection.card, asked)
        prompt = await plain_prompt(connection, asked)
        yield await scored(connection, asked, prompt, wanted)

    async def close(self) -> None:
        """End every stream at once: their readers get an EngineError, the server stops."""
        self._waits.close()
        await self._streams.close()

    async def check(self) -> str:
        """Why the server cannot answer now; asks it what it serves where that is due."""
        refresh_s = self._settings.refresh_s
        if self._trouble or self._is_doubted:
            refresh_s = min(refresh_s, TROUBLE_REFRESH_S)
        if time.monotonic() - self._asked_at >= refresh_s:
            await self.refresh()
        return self._trouble

    def _connected(self) -> Connection:
        self._waits.check_open(self._endpoint.address)
        if self._connection is None:
            raise closed(self._endpoint.address)
        return self._connection

    async def _prompt(self, connection: Connection, job: Job) -> Prompt:
        refuse_pictures(connection.card, job)
        refuse_adapter(connection.card, job)
        return await fit_job(connection, job)

    async def _mended(self, used: Connection, job: Job, error: EngineError) -> Connection:
        """Another connection to ask after this error. Raises the error where there is none."""
        lacks_adapter = bool(job.adapter) and refuses_adapter(error)
        if isinstance(error, ModelGoneError) or lacks_adapter:
            await self.refresh()
            if self._connected().backend != used.backend:
                return self._connected()
            if self._trouble:  # what it serves instead
                sentence = f"{error.failure.message} {self._trouble}"
                raise EngineError(error.failure.reason, sentence) from error
        if lacks_adapter:  # the job is sound, and the model answers others
            sentence = error.failure.message
            raise EngineError(FailureReason.ENGINE_ERROR, sentence, retryable=True) from error
        if error.failure.reason is FailureReason.ENGINE_UNAVAILABLE:
            self._is_doubted = True
        raise error

    def _without_system(self, used: Connection, job: Job, error: EngineError) -> Connection:
        """The connection for a model without a system role. Raises the error where it is none."""
        is_auto = used.settings.system_role is SystemRole.AUTO
        has_system = any(message.role is Role.SYSTEM for message in job.messages)
        if not (is_auto and has_system and used.takes_system):
            raise error
        folded = replace(used, takes_system=False)
        if self._connection is used:
            log.warning("no_system_role", model=used.backend.model)
            self._connection = folded
        return folded

    async def refresh(self) -> None:
        """Ask the server again what it serves; errors become its ``trouble``."""
        wanted_at = time.monotonic()
        async with self._asking:
            if self._asked_at > wanted_at:
                return  # somebody else has just asked
            self._asked_at, self._is_doubted = time.monotonic(), False
            try:
                self._adopt(await self._reach(lambda _step: None))
            except EngineError as error:
                self._note_trouble(error.failure.message)

    async def _reach(self, progress: Callable[[str], None]) -> Connection:
        settings, endpoint = self._settings, self._endpoint
        probe = Probe(endpoint.given, settings.api_key, settings.connect_timeout_s)
        backend = await probe.discover(settings.dialect, settings.model)
        if settings.tokenizer:
            await self._load_encoder(backend, progress)
        encoder = self._encoder
        if encoder and self._encoded_model != (backend.model, backend.origin):
            log.warning("tokenizer_of_another_model", model=backend.model)
            encoder = None  # its ids would be other words to this model
        return connect(settings, endpoint, backend, encoder, self._waits, self._streams)

    def _adopt(self, found: Connection) -> None:
        """Use a connection from now on; what was learned of an unchanged model stays."""
        known = self._connection
        if known is None or known.backend != found.backend:
            if known is not None and known.card.name != found.card.name:
                log.warning("served_model_changed", before=known.card.name, now=found.card.name)
            if found.lacking:
                log.warning("adapters_lacking", reason=found.lacking)
            self._connection = found
        if self._trouble:
            log.info("engine_back", address=self._endpoint.address)
        self._trouble = ""

    def _note_trouble(self, sentence: str) -> None:
        if self._trouble != sentence:
            log.warning("engine_unavailable", error=sentence)
        self._trouble = sentence

    async def _load_encoder(self, backend: Backend, progress: Callable[[str], None]) -> None:
        if not backend.dialect.token_ids:
            progress(f"{backend.dialect.title} takes no token ids: markers are broken instead.")
        elif self._encoder is None:
            self._encoder = await asyncio.to_thread(load_encoder, self._settings.tokenizer)
            self._encoded_model = (backend.model, backend.origin)
