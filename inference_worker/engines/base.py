"""The protocol of engines; ``registry.py`` names them.

An engine turns a job into a stream of text. It owns its tokenizer, so it also fits the messages
into the context window and assembles the prompt (``inference_worker.prompt``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from inference_queue.protocol import Completion, FailureReason, Job, SamplingParams
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate


class Vision(StrEnum):
    """WORKER_VISION: whether the model sees pictures."""

    AUTO = "auto"  #: where the server says so
    TRUE = "true"
    FALSE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The model that an engine serves, as published to the bot and shown to people."""

    name: str  #: as a person would know it, such as "MLP-KTLim/llama-3-Korean-Bllossom-8B"
    preset: str  #: the key in presets.PRESETS whose prompt and sampling suit it
    context_window: int | None = None  #: tokens, prompt and answer together; None = unknown
    demo: bool = False  #: a stand-in for trying things out, English only
    vision: bool = False  #: it sees the pictures of messages; if not, ``refuse_pictures``
    adapter: str = ""  #: the name of the LoRA weights merged into it
    adapters: tuple[str, ...] = ()  #: of those beside it, one of which a job may name
    at_once: int | None = None  #: answers that it writes at once; None: as many as it is given

    def answered_by(self, adapter: str) -> str:
        """The name of the model that answers with this adapter, as people read it."""
        return f"{self.name} + {adapter}" if adapter else self.name


@dataclass(frozen=True, slots=True)
class Delta:
    """A chunk of the answer: whole characters, and how many tokens they took."""

    text: str
    tokens: int = 1
    ids: tuple[int, ...] = ()  #: the tokens themselves, where the engine has them


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedCompletion(Completion):
    """A completion with its tokens, for who asks the worker itself; they never reach the queue."""

    prompt_ids: tuple[int, ...] = ()
    ids: tuple[int, ...] = ()  #: of all that was written, the end token included


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an engine is doing on this machine; zeros where a server elsewhere does it."""

    running: int = 0  #: answers being written
    waiting: int = 0  #: answers not begun because memory is full
    held_tokens: int = 0  #: tokens allocated for answers being written
    kept_tokens: int = 0  #: tokens of kept prefixes, for the next turns of conversations
    budget_tokens: int = 0  #: the maximum of both together
    reused_tokens: int = 0  #: tokens of prompts that were computed already, since the start
    stalled_s: float = 0.0  #: seconds without a step while answers are being written


def refuse_pictures(card: ModelCard, job: Job) -> None:
    """Raises EngineError for a job with pictures where the model sees none.

    Without them the answer would be about something else.
    """
    if job.has_pictures and not card.vision:
        sentence = f"The job has pictures, and {card.name} reads text only."
        raise EngineError(FailureReason.NO_VISION, sentence)


def refuse_adapter(card: ModelCard, job: Job | PlainRequest) -> None:
    """Raises EngineError for an adapter that is not here: the model alone would answer otherwise.

    Another worker may have it.
    """
    if job.adapter and job.adapter not in (card.adapter, *card.adapters):
        sentence = f"The job names the adapter {job.adapter}, which {card.name} lacks here."
        raise EngineError(FailureReason.ENGINE_ERROR, sentence, retryable=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRequest:
    """A text, or its token ids, that the model goes on with: no chat and no template."""

    prompt: str | tuple[int, ...]
    sampling: SamplingParams
    deadline: datetime
    adapter: str = ""  #: as in a Job

    def remaining_s(self) -> float:
        """Seconds until the deadline; negative after it."""
        return (self.deadline - datetime.now(UTC)).total_seconds()


class Engine(Protocol):
    """A model that answers jobs, several at once."""

    @property
    def card(self) -> ModelCard:
        """The model served; valid once ``start`` has returned."""

    @property
    def usage(self) -> Usage:
        """What it is doing now; from any thread, at any time."""

    @property
    def template(self) -> ChatTemplate | None:
        """The model's own chat template; None: a server has it, out of reach."""

    async def start(self, progress: Callable[[str], None]) -> None:
        """Load or reach the model, reporting each step as a sentence. Raises EngineError."""

    def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        """Yield the answer in chunks, then exactly one Completion with the whole text.

        Closing the generator, or cancelling the task that reads it, stops the generation at the
        next step and frees its memory. At the job's deadline it completes with the text so far
        (FinishReason.DEADLINE). Raises EngineError.
        """

    async def check(self) -> str:
        """Why it cannot answer now, a sentence for operators; empty where nothing is known.

        Called every few seconds, also where there are no jobs; takes a bounded time.
        """

    async def close(self) -> None:
        """Stop everything and free the memory; safe to call twice."""


@runtime_checkable
class CompletingEngine(Protocol):
    """An engine that also goes on with plain texts."""

    def complete(self, plain: PlainRequest) -> AsyncGenerator[Delta | Completion, None]:
        """As ``Engine.generate``, for a text. Nothing is left out of a prompt that is too long."""
