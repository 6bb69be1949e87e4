"""The engine that runs the model in this process: torch and transformers.

Importing this module is cheap; torch is loaded by ``start``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack
from uuid import uuid4

from inference_queue.presets import PRESETS
from inference_queue.protocol import Completion, Job, Message, Picture, Role, SamplingParams
from inference_worker.answer.answer_text import AnswerText
from inference_worker.answer.raw_text import RawText
from inference_worker.answer.reasoning import ThinkingHabit
from inference_worker.engines.base import (
    Delta,
    ModelCard,
    PlainRequest,
    Usage,
    refuse_adapter,
    refuse_pictures,
)
from inference_worker.engines.local.generated_text import GeneratedText
from inference_worker.engines.local.loaded_model import Encoded, LoadedModel
from inference_worker.engines.local.loading import (
    LocalSettings,
    MoreOptions,
    load_model,
    run_in_daemon_thread,
    unavailable,
)
from inference_worker.engines.local.writing import Writing, write
from inference_worker.engines.token_scores import WantedScores
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate

if TYPE_CHECKING:
    from inference_worker.engines.local.checkpoints import Checkpoint

#: 64x64 white pixels as base64: some processors refuse smaller ones.
WHITE_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAFElEQVR42mP8zwABTAyjjFEGyQwAzx8Bf7QK4E8A"
    "AAAASUVORK5CYII="
)


class LocalEngine:
    """A model in this process that writes up to ``slots`` answers at once.

    ``model`` is a preset's key, a directory or a hub id. ``max_new_tokens`` caps every answer; by
    default only the demo model's answers are capped, by its preset. ``kv_tokens`` bounds the tokens
    held in memory, kept prefixes included; None: what there is room for (kv_budget.py).
    ``cache_dir`` keeps the converted demo model. ``device``, ``dtype``, ``adapter``,
    ``adapters`` and ``vision`` are those of ``checkpoints.load``.
    """

    def __init__(
        self,
        model: str,
        *,
        slots: int,
        cache_dir: Path,
        max_new_tokens: int | None = None,
        kv_tokens: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        adapter: str = "",
        **options: Unpack[MoreOptions],
    ) -> None:
        self._settings = LocalSettings(
            model=model,
            slots=slots,
            cache_dir=cache_dir,
            max_new_tokens=max_new_tokens,
            kv_tokens=kv_tokens,
            device=device,
            dtype=dtype,
            adapter=adapter,
            **options,
        )
        self._card: ModelCard | None = None
        self._model: LoadedModel | None = None

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""
        if self._card is None:
            raise unavailable("the engine has not been started")
        return self._card

    @property
    def usage(self) -> Usage:
        """What it is doing now."""
        return self._model.scheduler.usage if self._model else Usage()

    @property
    def template(self) -> ChatTemplate | None:
        """The model's own chat template."""
        return self._model.template if self._model else None

    async def check(self) -> str:
        """Nothing that a later answer could not show."""
        return ""

    async def start(self, progress: Callable[[str], None]) -> None:
        """Find, load and warm up the model, reporting each step. Raises EngineError."""
        loop, settings = asyncio.get_running_loop(), self._settings

        def report(sentence: str) -> None:
            loop.call_soon_threadsafe(progress, sentence)

        checkpoint, template = await run_in_daemon_thread(lambda: load_model(settings, report))
        self._card = checkpoint.card
        prepare = partial(_prepared, settings, checkpoint, template)
        self._model = model = await run_in_daemon_thread(prepare)
        del checkpoint, prepare  # its adapters have been copied into the batch
        await self._warm_up()
        max_tokens = settings.slots * model.window
        report(model.scheduler.make_room(settings.kv_tokens, max_tokens=max_tokens))

    def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in pieces, then one Completion; see ``Engine.generate``."""
        return self._write(job)

    def complete(self, plain: PlainRequest) -> AsyncGenerator[Delta | Completion, None]:
        """Go on with a text; see ``CompletingEngine.complete``."""
        return self._write(plain)

    def score(
        self, asked: Job | PlainRequest, wanted: WantedScores
    ) -> AsyncGenerator[Delta | Completion, None]:
        """As both, with how probable the tokens are; see ``ScoringEngine.score``."""
        return self._write(asked, wanted)

    async def _write(
        self, asked: Job | PlainRequest, wanted: WantedScores | None = None
    ) -> AsyncGenerator[Delta | Completion, None]:
        model, started = self._running(), time.monotonic()
        prompt, text = await asyncio.to_thread(self._begun, model, asked)
        writing = Writing(prompt, GeneratedText(text, started), wanted)
        async with aclosing(write(model, asked, writing)) as events:
            async for event in events:
                yield event

    def _begun(
        self, model: LoadedModel, asked: Job | PlainRequest
    ) -> tuple[Encoded, AnswerText | RawText]:
        """The prompt, and the reader of what is written behind it. Blocks. Raises EngineError."""
        refuse_adapter(model.card, asked)
        if isinstance(asked, PlainRequest):
            return model.encode_plain(asked), RawText()
        refuse_pictures(model.card, asked)
        prompt = model.encode(asked)
        return prompt, model.answer_to(prompt.fitted, self._settings.repetition_chars)

    async def close(self) -> None:
        """Fail what is being written, end the thread, free the memory; safe to call twice."""
        model, self._model = self._model, None
        if model is not None:
            await asyncio.to_thread(model.scheduler.close)

    def _running(self) -> LoadedModel:
        if self._model is None:
            raise unavailable("the engine is not running")
        return self._model

    async def _warm_up(self) -> None:
        """Write two tokens: torch's first step is slow, and a broken model is found out now."""
        pictures = (Picture("image/png", WHITE_PNG),) if self.card.vision else ()
        greeting = Job(
            id=uuid4(),
            messages=(Message(Role.USER, "안녕하세요?", pictures),),
            sampling=SamplingParams(max_new_tokens=2),
        )
        try:
            async for _ in self.generate(greeting):
                pass
        except EngineError as error:
            await self.close()
            failure = error.failure
            raise EngineError(failure.reason, f"it loads, and then {failure.message}") from error


def _prepared(
    settings: LocalSettings, checkpoint: Checkpoint, template: ChatTemplate
) -> LoadedModel:
    """The model with its thread. Raises EngineError for a model that it cannot run."""
    from inference_worker.engines.local.threads import model_thread  # noqa: PLC0415 - torch

    card, max_new_tokens = checkpoint.card, settings.max_new_tokens
    if max_new_tokens is None and card.demo:
        max_new_tokens = PRESETS[card.preset].sampling.max_new_tokens
    try:
        thread = model_thread(checkpoint, slots=settings.slots)
    except ValueError as error:
        raise unavailable(f"the local engine cannot run this model: {error}") from error
    return LoadedModel(
        card=card,
        template=template,
        scheduler=thread,
        max_new_tokens=max_new_tokens,
        habit=ThinkingHabit(template.opens_reasoning),
        reader=checkpoint.reader if card.vision else None,
    )
