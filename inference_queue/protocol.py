"""The protocol between the bot and the worker: jobs and their results; wire.py has their JSON.

Standard library only, so that the bot can import it without torch. A job carries messages, never
a rendered prompt: the tokenizer and the chat template belong to the worker.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

#: Incremented when a field changes its meaning; a worker refuses an unknown version.
PROTOCOL_VERSION = 1
#: The version of jobs with ``needs``: workers that ignore the field refuse the version. All other
#: jobs keep PROTOCOL_VERSION, so that those workers answer them.
NEEDS_VERSION = 2
#: A need: the worker's model sees the pictures of messages.
PICTURES = "pictures"
#: A need: the worker has the adapter that the job names.
ADAPTER = "adapter"
#: What the settings say for "no adapter", in place of a wider scope's.
NO_ADAPTER = "none"
#: The maximum length of an adapter's name.
MAX_ADAPTER_CHARS = 64

#: The maximum length of an answer in tokens (the context of Llama-3-8B).
MAX_NEW_TOKENS = 8192
#: The maxima of one message: pictures, and characters of their base64 together.
MAX_PICTURES = 4
MAX_PICTURE_CHARS = 1024 * 1024
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")

_BASE64 = re.compile("[A-Za-z0-9+/]+={0,2}")
_ADAPTER_NAME = re.compile(f"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_ADAPTER_CHARS - 1}}}")


class ProtocolError(ValueError):
    """An invalid job or result; the text names the field and the reason."""


class Role(StrEnum):
    """The speaker of a message. Templates insert it unescaped, so no other value is accepted."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class FinishReason(StrEnum):
    """The reason for the end of a completion."""

    STOP = "stop"  #: an end-of-turn token or a stop string
    LENGTH = "length"  #: max_new_tokens, or the end of the context
    DEADLINE = "deadline"  #: the job's deadline; the text is incomplete
    REPETITION = "repetition"  #: the model only repeated itself; the repeats are cut off
    CANCELLED = "cancelled"  #: stopped on request; the text is what was written by then


class FailureReason(StrEnum):
    """The reason for a missing answer."""

    INVALID_JOB = "invalid_job"
    NO_VISION = "no_vision"  #: the job has pictures, and the model reads text only
    PROMPT_TOO_LONG = "prompt_too_long"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    ENGINE_OVERLOADED = "engine_overloaded"
    ENGINE_ERROR = "engine_error"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the model sees."""

    media_type: str  #: one of MEDIA_TYPES
    data: str = field(repr=False)  #: base64, without line ends

    def __post_init__(self) -> None:
        _require(self.media_type in MEDIA_TYPES, "a picture must be JPEG, PNG or WebP")
        _require(isinstance(self.data, str), "a picture's data must be text")
        _require(len(self.data) <= MAX_PICTURE_CHARS, "a picture is too large")
        _require(_BASE64.fullmatch(self.data) is not None, "a picture's data must be base64")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the chat."""

    role: Role
    content: str
    pictures: tuple[Picture, ...] = ()  #: of a user's message only

    def __post_init__(self) -> None:
        if not self.pictures:
            return
        _require(self.role is Role.USER, "only a user's message may have pictures")
        _require(len(self.pictures) <= MAX_PICTURES, f"at most {MAX_PICTURES} pictures")
        chars = sum(len(picture.data) for picture in self.pictures)
        _require(chars <= MAX_PICTURE_CHARS, "the pictures are too large together")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """The sampling parameters, named as in transformers and vLLM.

    ``temperature`` 0 means greedy; ``top_k`` 0 and ``top_p`` 1 mean off.
    """

    temperature: float = 0.6
    top_p: float = 0.9
    top_k: int = 0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 2048
    stop: tuple[str, ...] = ()
    seed: int | None = None

    def __post_init__(self) -> None:
        _require(_is_within(self.temperature, 0.0, 10.0), "temperature must be from 0 to 10")
        _require(_is_within(self.top_p, 0.0, 1.0) and self.top_p > 0, "top_p must be in (0, 1]")
        _require(_is_whole(self.top_k) and self.top_k >= 0, "top_k must be 0 or more")
        _require(
            _is_within(self.repetition_penalty, 0.1, 10.0),
            "repetition_penalty must be from 0.1 to 10",
        )
        _require(
            _is_whole(self.max_new_tokens) and 1 <= self.max_new_tokens <= MAX_NEW_TOKENS,
            f"max_new_tokens must be from 1 to {MAX_NEW_TOKENS}",
        )
        _require(
            len(self.stop) <= 16 and all(isinstance(s, str) and s for s in self.stop),
            "stop must be at most 16 strings, none of them empty",
        )
        _require(self.seed is None or _is_whole(self.seed), "seed must be a whole number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request to generate one answer.

    ``due``: when the answer is first needed; decides the order. ``deadline``: its expiry.
    ``cache_key``: the conversation (with its tenant) whose computed prefix may be reused.
    ``fairness_key``: the person (a digest) whose jobs share one turn in the order; "" for none.
    ``continues``: the last message only asks to go on with the assistant's message before it. A
    worker that can makes the model go on in that message; any other answers the last one.
    ``adapter``: the name of the LoRA weights that it is answered with; "": those of the model.
    """

    id: UUID
    messages: tuple[Message, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    due: datetime | None = None
    deadline: datetime | None = None
    cache_key: str = ""
    fairness_key: str = ""
    continues: bool = False
    adapter: str = ""

    def __post_init__(self) -> None:
        _require(bool(self.messages), "messages must not be empty")
        _require(self.messages[-1].role is Role.USER, "the last message must be the user's")
        _require(isinstance(self.continues, bool), "continues must be true or false")
        _require(
            self.adapter == "" or is_adapter_name(self.adapter), "adapter must be an adapter's name"
        )
        _require(
            not self.continues or [m.role for m in self.messages[-2:-1]] == [Role.ASSISTANT],
            "a job that continues must have an assistant's message before its last",
        )
        for moment in (self.due, self.deadline):
            _require(
                moment is None or moment.tzinfo is not None,
                "due and deadline must carry a time zone",
            )

    @property
    def has_pictures(self) -> bool:
        """Whether its model has to see."""
        return any(message.pictures for message in self.messages)

    def remaining_s(self) -> float:
        """Seconds until the deadline; infinite without one, negative after it."""
        if self.deadline is None:
            return math.inf
        return (self.deadline - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The engine's answer with its statistics. Times are milliseconds since the claim."""

    text: str
    finish_reason: FinishReason
    model: str
    prompt_tokens: int
    completion_tokens: int
    dropped_messages: int = 0  #: oldest messages left out to fit the context
    cut_chars: int = 0  #: code points cut from the newest message, which alone was too long
    first_token_ms: float | None = None
    total_ms: float | None = None
    reasoning: str = ""  #: what the model thought before it answered; for operators only
    #: The answer's shares of the worker's processors and of its engine's time; None: not measured.
    cpu_ms: float | None = None
    busy_ms: float | None = None

    def __post_init__(self) -> None:
        is_text = isinstance(self.text, str) and isinstance(self.reasoning, str)
        _require(is_text, "text and reasoning must be text")
        counts = (
            self.prompt_tokens,
            self.completion_tokens,
            self.dropped_messages,
            self.cut_chars,
        )
        _require(
            all(_is_whole(n) and 0 <= n < 2**31 for n in counts), "counts must be whole numbers"
        )
        times = (self.first_token_ms, self.total_ms, self.cpu_ms, self.busy_ms)
        _require(
            all(t is None or _is_within(t, 0.0, 1e12) for t in times), "times must be milliseconds"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A missing answer. ``message`` is for the operator, never for the person."""

    reason: FailureReason
    message: str
    retryable: bool = False

    def __post_init__(self) -> None:
        _require(isinstance(self.message, str), "message must be text")


def is_adapter_name(name: object) -> bool:
    """Whether an adapter may have this name: ASCII letters, digits, ".", "_" and "-"."""
    is_plain = isinstance(name, str) and _ADAPTER_NAME.fullmatch(name) is not None
    return is_plain and name != NO_ADAPTER


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ProtocolError(otherwise)


def _is_within(value: object, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


#: The outcome of every job that was stopped on request, wherever it was stopped.
CANCELLED = Failure(reason=FailureReason.CANCELLED, message="cancelled on request")
