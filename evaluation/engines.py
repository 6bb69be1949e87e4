"""The engine that is asked: a URL, or a model loaded in this process, both as the worker has them.

The prompt, the context window and the end of an answer are the worker's own, so that what is
measured is what people get.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from yarl import URL

from evaluation.errors import EvaluationError
from evaluation.progress import say
from evaluation.records import EngineUsed, Sampled
from inference_queue.presets import PRESETS
from inference_queue.protocol import MAX_NEW_TOKENS, SamplingParams, is_adapter_name
from inference_worker.engines.base import Engine
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.errors import EngineError

#: Between a model and the LoRA weights that are put on it.
ADAPTER_MARK = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What is chosen beside the engine itself; empty and None: the preset's."""

    preset: str = ""
    model: str = ""  #: the name of the model behind a URL that serves several
    api_key: str = ""
    system_prompt: str | None = None
    max_new_tokens: int | None = None
    greedy: bool = False
    at_once: int = 4  #: answers at the same time
    models_dir: Path = Path("data/models")  #: where the converted demo model is kept


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """A started engine, and how it is used."""

    engine: Engine
    used: EngineUsed
    adapter: str = ""  #: that each job names, of a server that has several

    def sampling(self, seed: int) -> SamplingParams:
        """The sampling of one answer."""
        return SamplingParams(**self.used.sampling.model_dump(), seed=seed)


@asynccontextmanager
async def opened(asked_for: str, options: EngineOptions) -> AsyncIterator[OpenEngine]:
    """Start the engine, and close it behind. Raises EvaluationError."""
    if options.preset and options.preset not in PRESETS:
        raise EvaluationError(
            f"There is no preset {options.preset}: --preset is one of {', '.join(PRESETS)}."
        )
    engine, adapter = _local(asked_for, options), ""
    if _is_url(asked_for):
        url, adapter = _split_url(asked_for)
        engine = _served(url, adapter, options)
    try:
        try:
            await engine.start(say)
        except EngineError as error:
            raise EvaluationError(
                f"The engine {without_secrets(asked_for)} cannot be used: {error.failure.message}"
            ) from None
        if adapter and adapter not in engine.card.adapters:
            there = ", ".join(engine.card.adapters) or "none"
            raise EvaluationError(
                f"The engine {without_secrets(asked_for)} has no adapter {adapter}; it has {there}."
            )
        yield OpenEngine(engine, _used(asked_for, engine, options, adapter), adapter)
    finally:
        await engine.close()


def without_secrets(asked_for: str) -> str:
    """The name of an engine or judge as reports may show it."""
    if not _is_url(asked_for):
        return asked_for
    address, adapter = _split_url(asked_for)
    shown = str(URL(address).with_user(None).with_query(None).with_fragment(None))
    return f"{shown}{ADAPTER_MARK}{adapter}" if adapter else shown


def _is_url(asked_for: str) -> bool:
    return asked_for.startswith(("http://", "https://"))


def _split_url(asked_for: str) -> tuple[str, str]:
    """A URL and the adapter behind it, "" for none; a password or query may have the mark, too."""
    url, mark, adapter = asked_for.rpartition(ADAPTER_MARK)
    is_named = bool(mark) and "?" not in url and is_adapter_name(adapter)
    return (url, adapter) if is_named else (asked_for, "")


def _served(url: str, adapter: str, options: EngineOptions) -> Engine:
    return ServedEngine(
        url,
        model=options.model,
        api_key=options.api_key,
        preset=options.preset,
        adapters={adapter: adapter} if adapter else {},
    )


def _local(name: str, options: EngineOptions) -> Engine:
    model, _mark, adapter = name.partition(ADAPTER_MARK)
    return LocalEngine(model, slots=options.at_once, cache_dir=options.models_dir, adapter=adapter)


def _used(asked_for: str, engine: Engine, options: EngineOptions, adapter: str) -> EngineUsed:
    card = engine.card
    preset = PRESETS[options.preset or card.preset]
    system_prompt = options.system_prompt
    return EngineUsed(
        asked_for=without_secrets(asked_for),
        model=card.name,
        preset=options.preset or card.preset,
        adapter=adapter or card.adapter,
        context_window=card.context_window,
        demo=card.demo,
        system_prompt=preset.system_prompt if system_prompt is None else system_prompt,
        sampling=_sampled(preset.sampling, options),
    )


def _sampled(sampling: SamplingParams, options: EngineOptions) -> Sampled:
    wanted = options.max_new_tokens or sampling.max_new_tokens
    if not 1 <= wanted <= MAX_NEW_TOKENS:
        raise EvaluationError(f"--max-new-tokens must be from 1 to {MAX_NEW_TOKENS:,}.")
    return Sampled(
        temperature=0.0 if options.greedy else sampling.temperature,
        top_p=1.0 if options.greedy else sampling.top_p,
        top_k=sampling.top_k,
        repetition_penalty=sampling.repetition_penalty,
        max_new_tokens=wanted,
    )
