"""Errors of an external server, translated into EngineErrors.

The sentence is for operators: it names host and port and the server's reason, never a key, a URL
with credentials, or people's text (validation errors often repeat their input).
"""

from __future__ import annotations

import re

import httpx2
from huggingface_hub.errors import (
    HfHubHTTPError,
    InferenceTimeoutError,
    OverloadedError,
    TextGenerationError,
    ValidationError,
)

from inference_queue.protocol import FailureReason
from inference_worker.engines.served.refused_size import RefusedSize, read_refused_size
from inference_worker.errors import EngineError

#: What a call through huggingface_hub can raise: HTTP and transport errors, unreadable chunks.
CALL_ERRORS = (
    httpx2.HTTPError,
    httpx2.StreamError,
    OSError,
    ValueError,
    AttributeError,
    TypeError,
)

#: How servers say that the prompt, or prompt and answer together, do not fit.
_TOO_LONG = re.compile(
    r"context.{0,12}(length|size|window)|maximum length|too many tokens|too long|longer than"
    r"|`?inputs`? tokens \+ |`?inputs`? must have less|max_model_len|exceeds? the (maximum|limit)",
    re.IGNORECASE,
)
#: How servers that answer 400 say that the model asked for is not theirs.
_NOT_THE_MODEL = re.compile(
    r"pinned to|model.{0,200}(does not exist|not found)", re.IGNORECASE | re.DOTALL
)
#: How chat templates say that they know no system role; the last is Gemini's of a hosted Gemma.
_NO_SYSTEM_ROLE = re.compile(
    r"system.{0,24}(role|message|prompt|instruction).{0,40}(not |n't |unsupported)"
    r"|(not |n't |un)support.{0,24}system|developer instruction is not"
    r"|roles must alternate|only user and assistant roles|first message must.{0,20}user",
    re.IGNORECASE | re.DOTALL,
)
_MAX_REASON_CHARS = 200


class ModelGoneError(EngineError):
    """The server does not serve the model that was asked for."""


class NoSystemRoleError(EngineError):
    """The model's template refuses a system message."""


class TooLongError(EngineError):
    """The prompt is too long; ``size`` says by how much, where the server does."""

    def __init__(self, where: str, what: str, size: RefusedSize) -> None:
        failure = _error(FailureReason.PROMPT_TOO_LONG, where, what).failure
        super().__init__(failure.reason, failure.message)
        self.size = size


def translate(error: Exception, where: str) -> EngineError:
    """The EngineError that says what this error means; ``where`` is host and port."""
    refusal = _response_behind(error)
    if refusal is not None:
        return _by_status(refusal.status_code, _reason_in(refusal), where)
    if isinstance(error, TextGenerationError):
        return _in_stream(error, where)
    if isinstance(error, InferenceTimeoutError | httpx2.TimeoutException | httpx2.ConnectError):
        return unavailable(where, "does not accept connections", retryable=True)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError | OSError):
        return broken(where, f"broke off the answer ({type(error).__name__})")
    return broken(where, f"sent something that is no answer ({type(error).__name__})")


def unavailable(where: str, what: str, *, retryable: bool = False) -> EngineError:
    """The engine at ``where`` cannot be used."""
    return _error(FailureReason.ENGINE_UNAVAILABLE, where, what, retryable=retryable)


def broken(where: str, what: str) -> EngineError:
    """The engine failed on this job; another try may do better."""
    return _error(FailureReason.ENGINE_ERROR, where, what, retryable=True)


def _by_status(status: int, reason: str, where: str) -> EngineError:
    shown = _shortened(reason)
    detail = f"(HTTP {status}{': ' if shown else ''}{shown})"
    if status in (401, 403):
        return unavailable(where, f"does not accept the API key {detail}")
    if status == 404 or (status == 400 and _NOT_THE_MODEL.search(reason)):
        failure = unavailable(where, f"does not know the model or the route {detail}").failure
        return ModelGoneError(failure.reason, failure.message)
    if status in (502, 503, 504):
        return unavailable(where, f"is not ready {detail}", retryable=True)
    if status == 429:
        return _overloaded(where, detail)
    return _of_this_job(status, reason, where, detail)


def _of_this_job(status: int, reason: str, where: str, detail: str) -> EngineError:
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(reason)):
        return TooLongError(where, f"finds the prompt too long {detail}", read_refused_size(reason))
    if status in (400, 422, 424, 500) and _NO_SYSTEM_ROLE.search(reason):
        failure = _error(FailureReason.INVALID_JOB, where, f"takes no system role {detail}").failure
        return NoSystemRoleError(failure.reason, failure.message)
    if status in (408, 424) or status >= 500:
        return broken(where, f"failed {detail}")
    return _error(FailureReason.INVALID_JOB, where, f"refuses the request {detail}")


def _in_stream(error: TextGenerationError, where: str) -> EngineError:
    whole = _reason_of({"error": error.args[0] if error.args else ""})
    reason = _shortened(whole)
    if _TOO_LONG.search(whole):
        what = f"finds the prompt too long ({reason})"
        return TooLongError(where, what, read_refused_size(whole))
    if isinstance(error, OverloadedError):
        return _overloaded(where, f"({reason})")
    if isinstance(error, ValidationError):
        return _error(FailureReason.INVALID_JOB, where, f"refuses the request ({reason})")
    return broken(where, f"failed while answering ({reason})")


def _overloaded(where: str, detail: str) -> EngineError:
    what = f"has too much to do {detail}"
    return _error(FailureReason.ENGINE_OVERLOADED, where, what, retryable=True)


def _error(reason: FailureReason, where: str, what: str, *, retryable: bool = False) -> EngineError:
    sentence = f"The inference server at {where} {what}."
    return EngineError(reason, sentence, retryable=retryable)


def _response_behind(error: BaseException | None) -> httpx2.Response | None:
    """The HTTP response behind it: the hub's client wraps it in other errors."""
    while error is not None:
        if isinstance(error, HfHubHTTPError | httpx2.HTTPStatusError):
            return error.response
        error = error.__cause__ or error.__context__
    return None


def _reason_in(refusal: httpx2.Response) -> str:
    try:
        return _reason_of(refusal.json())
    except (ValueError, httpx2.StreamError):
        return ""


def _reason_of(body: object) -> str:
    """The reason in an error body of TGI, OpenAI, an older vLLM or FastAPI."""
    match body:
        case [dict(first)]:  # Gemini's OpenAI route
            return _reason_of(first)
        case {"error": {"message": str(reason)}} | {"error": str(reason)}:
            return reason
        case {"message": str(reason)} | {"detail": str(reason)}:
            return reason
        case {"detail": [*faults]}:
            return "; ".join(str(f.get("msg", "")) for f in faults if isinstance(f, dict))
        case _:
            return ""


def _shortened(reason: str) -> str:
    # pydantic's errors repeat the refused value after this word.
    kept = re.split(r"['\"]?\binput(?:_value)?\b['\"]?\s*[:=]", reason, maxsplit=1)[0]
    return " ".join(kept.split())[:_MAX_REASON_CHARS]
