"""The protocol between the bot and the worker: versioned JSON.

Standard library only, so that the bot can import it without torch. A job carries messages, never
a rendered prompt: the tokenizer and the chat template belong to the worker.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

#: Incremented when a field changes its meaning; a worker refuses an unknown version.
PROTOCOL_VERSION = 1
#: The version of jobs with ``needs``: workers that ignore the field refuse the version. All other
#: jobs keep PROTOCOL_VERSION, so that those workers answer them.
NEEDS_VERSION = 2
#: A need: the worker's model sees the pictures of messages.
PICTURES = "pictures"

#: The maximum length of an answer in tokens (the context of Llama-3-8B).
MAX_NEW_TOKENS = 8192
#: The maxima of one message: pictures, and characters of their base64 together.
MAX_PICTURES = 3
MAX_PICTURE_CHARS = 1024 * 1024
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")

_BASE64 = re.compile("[A-Za-z0-9+/]+={0,2}")


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


#: Reasons that a bot of the previous version does not know.
_NEW_REASONS = frozenset({FinishReason.REPETITION, FinishReason.CANCELLED})


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
    """

    id: UUID
    messages: tuple[Message, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    due: datetime | None = None
    deadline: datetime | None = None
    cache_key: str = ""
    fairness_key: str = ""
    continues: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.messages), "messages must not be empty")
        _require(self.messages[-1].role is Role.USER, "the last message must be the user's")
        _require(isinstance(self.continues, bool), "continues must be true or false")
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
    first_token_ms: float | None = None
    total_ms: float | None = None
    reasoning: str = ""  #: what the model thought before it answered; for operators only

    def __post_init__(self) -> None:
        is_text = isinstance(self.text, str) and isinstance(self.reasoning, str)
        _require(is_text, "text and reasoning must be text")
        counts = (self.prompt_tokens, self.completion_tokens, self.dropped_messages)
        _require(
            all(_is_whole(n) and 0 <= n < 2**31 for n in counts), "counts must be whole numbers"
        )
        times = (self.first_token_ms, self.total_ms)
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


def dump_job(job: Job) -> dict[str, Any]:
    """The job as JSON-ready data, with the protocol's version.

    A job with pictures has another version, so that no worker answers it without seeing them.
    """
    needs = {"version": NEEDS_VERSION, "needs": [PICTURES]} if job.has_pictures else {}
    return {
        "version": PROTOCOL_VERSION,
        **needs,
        "id": str(job.id),
        "messages": [_dump_message(message) for message in job.messages],
        "sampling": _to_dict(job.sampling),
        "due": job.due.isoformat() if job.due else None,
        "deadline": job.deadline.isoformat() if job.deadline else None,
        "cache_key": job.cache_key,
        "fairness_key": job.fairness_key,
        **({"continues": True} if job.continues else {}),
    }


def load_job(payload: Mapping[str, Any]) -> Job:
    """Read a job back; raises ProtocolError for another version, need or an invalid field.

    Unknown fields are ignored: a bot of the previous version still sends a ``priority``. Unknown
    needs are refused: a bot of the next version asks for what this worker cannot do.
    """
    _require_needs(payload)
    try:
        due, deadline = payload.get("due"), payload.get("deadline")
        return Job(
            id=UUID(payload["id"]),
            messages=tuple(_load_message(message) for message in payload["messages"]),
            sampling=SamplingParams(
                **{**payload["sampling"], "stop": tuple(payload["sampling"]["stop"])}
            ),
            due=datetime.fromisoformat(due) if due else None,
            deadline=datetime.fromisoformat(deadline) if deadline else None,
            cache_key=_text(payload.get("cache_key", "")),
            fairness_key=_text(payload.get("fairness_key", "")),
            continues=payload.get("continues", False),
        )
    except ProtocolError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"not a job: {type(error).__name__}: {error}") from error


def _dump_message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.pictures:
        fields["pictures"] = [
            {"media_type": picture.media_type, "data": picture.data} for picture in message.pictures
        ]
    return fields


def _load_message(fields: Mapping[str, Any]) -> Message:
    pictures = tuple(Picture(one["media_type"], one["data"]) for one in fields.get("pictures", ()))
    return Message(Role(fields["role"]), _text(fields["content"]), pictures)


def dump_result(result: Completion | Failure) -> dict[str, Any]:
    """The result as JSON-ready data; ``kind`` tells completion and failure apart.

    Only what a bot of the previous version reads; the rest is in ``dump_remarks``.
    """
    if isinstance(result, Failure):
        return {"version": PROTOCOL_VERSION, "kind": "failure", **_to_dict(result)}
    fields = _to_dict(result)
    del fields["reasoning"]
    if result.finish_reason in _NEW_REASONS:
        fields["finish_reason"] = FinishReason.LENGTH
    return {"version": PROTOCOL_VERSION, "kind": "completion", **fields}


def dump_remarks(result: Completion | Failure) -> dict[str, Any] | None:
    """What a bot of the previous version cannot read, as JSON-ready data; None: nothing."""
    if isinstance(result, Failure):
        return None
    remarks: dict[str, Any] = {"reasoning": result.reasoning} if result.reasoning else {}
    if result.finish_reason in _NEW_REASONS:
        remarks["finish_reason"] = result.finish_reason
    return remarks or None


def load_result(
    body: Mapping[str, Any], remarks: Mapping[str, Any] | None = None
) -> Completion | Failure:
    """Read a result back; raises ProtocolError for another version or shape.

    Unknown remarks are ignored: a worker of the next version may send some.
    """
    _require_version(body)
    fields = {key: value for key, value in body.items() if key not in ("version", "kind")}
    try:
        if body["kind"] == "completion" and remarks:
            known = ("reasoning", "finish_reason")
            fields |= {key: value for key, value in remarks.items() if key in known}
        if body["kind"] == "completion":
            fields["finish_reason"] = FinishReason(fields["finish_reason"])
            return Completion(**fields)
        fields["reason"] = FailureReason(fields["reason"])
        return Failure(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"not a result: {type(error).__name__}: {error}") from error


def _to_dict(value: SamplingParams | Completion | Failure) -> dict[str, Any]:
    # Ten times as fast as asdict, which copies deeply.
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ProtocolError(otherwise)


def _require_needs(payload: Mapping[str, Any]) -> None:
    """Refuse a version or a need that this worker does not know."""
    if not isinstance(payload, Mapping) or payload.get("version") != NEEDS_VERSION:
        _require_version(payload)
        return
    needs = payload.get("needs")
    known = isinstance(needs, list) and all(need == PICTURES for need in needs)
    _require(known, f"the job needs {str(needs)[:100]}; this worker knows {PICTURES!r}")


def _require_version(body: Mapping[str, Any]) -> None:
    version = body.get("version") if isinstance(body, Mapping) else None
    _require(
        version == PROTOCOL_VERSION,
        f"protocol version {version!r}; this worker speaks {PROTOCOL_VERSION}",
    )


def _is_within(value: object, low: float, high: float) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and low <= value <= high
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: object) -> str:
    _require(isinstance(value, str), "text expected")
    return str(value)


#: The outcome of every job that was stopped on request, wherever it was stopped.
CANCELLED = Failure(reason=FailureReason.CANCELLED, message="cancelled on request")
