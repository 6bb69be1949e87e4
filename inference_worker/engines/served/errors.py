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
    LookupError,
    RecursionError,
)

#: How servers say that the prompt, or prompt and answer together, do not fit; in their code or
#: their sentence.
_TOO_LONG = re.compile(
    r"context.{0,12}(length|size|window)|(maximum|prompt|input) length|reduce the length"
    r"|too many tokens|too long|longer than|`?inputs`? tokens \+ |`?inputs`? must have less"
    r"|max_model_len|max_num_tokens|exceeds? (the )?(maximum|limit)",
    re.IGNORECASE,
)
#: How servers that answer 400 refuse the key: Gemini's and Grok's.
_NOT_THE_KEY = re.compile(
    r"api.?key.{0,20}(not valid|invalid|incorrect|expired)|(invalid|incorrect|expired) api.?key",
    re.IGNORECASE,
)
#: How servers that answer 403 refuse what a person wrote.
_NOT_THE_WORDS = re.compile(r"moderation|flagged|content.{0,8}(policy|filter)", re.IGNORECASE)
#: How servers that answer 400 say that the model asked for is not theirs.
_NOT_THE_MODEL = re.compile(
    r"pinned to|model.{0,200}(does not exist|not found)", re.IGNORECASE | re.DOTALL
)
#: How servers that list no adapters, or whose list is old by now, refuse one.
_NOT_THE_ADAPTER = re.compile(r"\blora\b|adapter", re.IGNORECASE)
#: How chat templates say that they know no system role; the last is Gemini's of a hosted Gemma.
_NO_SYSTEM_ROLE = re.compile(
    r"system.{0,24}(role|message|prompt|instruction).{0,40}(not |n't |unsupported)"
    r"|(not |n't |un)support.{0,24}system|developer instruction is not"
    r"|roles must alternate|only user and assistant roles|first message must.{0,20}user",
    re.IGNORECASE | re.DOTALL,
)
#: Whatever is asked: no credit, another method or scheme, a proxy's login, a closed service.
_OF_EVERY_REQUEST = (402, 405, 407, 410, 421, 426, 451)
#: The server, or the proxy before it (Cloudflare's from 520), will be back.
_NOT_READY = (502, 503, 504, 521, 522, 523, 524, 530)
_OVERLOADED = (429, 529)
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
        body = _body_of(refusal)
        return _by_status(refusal.status_code, _reason_of(body), where, _code_of(body))
    if isinstance(error, TextGenerationError):
        return _in_stream(error, where)
    if isinstance(error, InferenceTimeoutError | httpx2.TimeoutException | httpx2.ConnectError):
        return unavailable(where, "does not accept connections", retryable=True)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError | OSError):
        return broken(where, f"broke off the answer ({type(error).__name__})")
    return broken(where, f"sent something that is no answer ({type(error).__name__})")


def refuses_adapter(error: EngineError) -> bool:
    """Whether the server may lack the adapter that was asked for."""
    is_refused = error.failure.reason is FailureReason.INVALID_JOB
    is_named = is_refused and _NOT_THE_ADAPTER.search(error.failure.message)
    return isinstance(error, ModelGoneError) or bool(is_named)


def unavailable(where: str, what: str, *, retryable: bool = False) -> EngineError:
    """The engine at ``where`` cannot be used."""
    return _error(FailureReason.ENGINE_UNAVAILABLE, where, what, retryable=retryable)


def broken(where: str, what: str) -> EngineError:
    """The engine failed on this job; another try may do better."""
    return _error(FailureReason.ENGINE_ERROR, where, what, retryable=True)


def _by_status(status: int, reason: str, where: str, code: str = "") -> EngineError:
    shown = _shortened(reason)
    detail = f"(HTTP {status}{': ' if shown else ''}{shown})"
    if status in _NOT_READY:
        return unavailable(where, f"is not ready {detail}", retryable=True)
    if status in _OVERLOADED:
        return _overloaded(where, detail)
    refused = _of_the_settings(status, reason, where, detail)
    return refused or _of_this_job(status, reason, where, detail, code)


def _of_the_settings(status: int, reason: str, where: str, detail: str) -> EngineError | None:
    """The refusal of whatever is asked, which an operator may mend; None: it is of this job."""
    if status == 403 and _NOT_THE_WORDS.search(detail):
        return None
    if status in (401, 403) or (status == 400 and _NOT_THE_KEY.search(detail)):
        return unavailable(where, f"does not accept the API key {detail}")
    if status == 404 or (status == 400 and _NOT_THE_MODEL.search(reason)):
        failure = unavailable(where, f"does not know the model or the route {detail}").failure
        return ModelGoneError(failure.reason, failure.message)
    if status in _OF_EVERY_REQUEST:
        return unavailable(where, f"takes no request at all {detail}")
    return None


def _of_this_job(status: int, reason: str, where: str, detail: str, code: str) -> EngineError:
    is_too_long = _TOO_LONG.search(f"{code} {reason}")
    if status == 413 or (status in (400, 422) and is_too_long):
        return TooLongError(where, f"finds the prompt too long {detail}", read_refused_size(reason))
    if status in (400, 422, 424, 500) and _NO_SYSTEM_ROLE.search(reason):
        failure = _error(FailureReason.INVALID_JOB, where, f"takes no system role {detail}").failure
        return NoSystemRoleError(failure.reason, failure.message)
    if status in (408, 424) or status >= 500:
        return broken(where, f"failed {detail}")
    return _error(FailureReason.INVALID_JOB, where, f"refuses the request {detail}")


def _in_stream(error: TextGenerationError, where: str) -> EngineError:
    body = {"error": error.args[0] if error.args else ""}
    whole, code = _reason_of(body), _code_of(body)
    reason = _shortened(whole)
    if _TOO_LONG.search(f"{code} {whole}"):
        what = f"finds the prompt too long ({reason})"
        return TooLongError(where, what, read_refused_size(whole))
    if re.fullmatch("4[0-9]{2}", code):  # the status that came too late for the header
        return _by_status(int(code), whole, where)
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


def _body_of(refusal: httpx2.Response) -> object:
    """The JSON of a refusal; None without any."""
    try:
        return refusal.json()
    except (ValueError, httpx2.StreamError):
        return None


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


def _code_of(body: object) -> str:
    """The word or the number in an error body that says which error it is."""
    match body:
        case [dict(first)]:
            return _code_of(first)
        case {"error": {"code": str(code) | int(code)}} | {"code": str(code) | int(code)}:
            return str(code)
        case {"error": {"type": str(code)}} | {"type": str(code)}:
            return code
        case _:
            return ""


def _shortened(reason: str) -> str:
    # pydantic's errors repeat the refused value after this word.
    kept = re.split(r"['\"]?\binput(?:_value)?\b['\"]?\s*[:=]", reason, maxsplit=1)[0]
    return " ".join(kept.split())[:_MAX_REASON_CHARS]
