"""What went wrong at an external server, in the worker's own words.

The sentence is for operators: it names host and port and the server's reason, never a key, a URL
with credentials, or people's text (validation errors like to repeat their input).
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
    r"|`?inputs`? tokens \+ |`?inputs`? must have less|max_model_len",
    re.IGNORECASE,
)
#: How servers that answer 400 say that the model asked for is not theirs.
_NOT_THE_MODEL = re.compile(
    r"pinned to|model.{0,200}(does not exist|not found)", re.IGNORECASE | re.DOTALL
)
_MOST_WORDS = 200


def translate(error: Exception, where: str) -> EngineError:
    """The EngineError that says what this error means; ``where`` is host and port."""
    refusal = _refusal_behind(error)
    if refusal is not None:
        return _by_status(refusal.status_code, _words_in(refusal), where)
    if isinstance(error, TextGenerationError):
        return _in_stream(error, where)
    if isinstance(error, InferenceTimeoutError | httpx2.TimeoutException | httpx2.ConnectError):
        return unavailable(where, "does not accept connections", retryable=True)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError | OSError):
        return broken(where, f"broke off the answer ({type(error).__name__})")
    return broken(where, f"sent something that is no answer ({type(error).__name__})")


def unavailable(where: str, what: str, *, retryable: bool = False) -> EngineError:
    """There is no engine to be had at ``where``."""
    return _error(FailureReason.ENGINE_UNAVAILABLE, where, what, retryable=retryable)


def broken(where: str, what: str) -> EngineError:
    """The engine failed on this job; another try may do better."""
    return _error(FailureReason.ENGINE_ERROR, where, what, retryable=True)


def _by_status(status: int, words: str, where: str) -> EngineError:
    said = f"(HTTP {status}{': ' if words else ''}{words})"
    if status in (401, 403):
        return unavailable(where, f"does not accept the API key {said}")
    if status == 404 or (status == 400 and _NOT_THE_MODEL.search(words)):
        return unavailable(where, f"does not know the model or the route {said}")
    if status in (502, 503, 504):
        return unavailable(where, f"is not ready {said}", retryable=True)
    if status == 429:
        return _overloaded(where, said)
    return _of_this_job(status, words, where, said)


def _of_this_job(status: int, words: str, where: str, said: str) -> EngineError:
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(words)):
        return _error(FailureReason.PROMPT_TOO_LONG, where, f"finds the prompt too long {said}")
    if status in (408, 424) or status >= 500:
        return broken(where, f"failed {said}")
    return _error(FailureReason.INVALID_JOB, where, f"refuses the request {said}")


def _in_stream(error: TextGenerationError, where: str) -> EngineError:
    words = _shortened(_words_of({"error": error.args[0] if error.args else ""}))
    if _TOO_LONG.search(words):
        return _error(FailureReason.PROMPT_TOO_LONG, where, f"finds the prompt too long ({words})")
    if isinstance(error, OverloadedError):
        return _overloaded(where, f"({words})")
    if isinstance(error, ValidationError):
        return _error(FailureReason.INVALID_JOB, where, f"refuses the request ({words})")
    return broken(where, f"failed while answering ({words})")


def _overloaded(where: str, said: str) -> EngineError:
    what = f"has too much to do {said}"
    return _error(FailureReason.ENGINE_OVERLOADED, where, what, retryable=True)


def _error(reason: FailureReason, where: str, what: str, *, retryable: bool = False) -> EngineError:
    sentence = f"The inference server at {where} {what}."
    return EngineError(reason, sentence, retryable=retryable)


def _refusal_behind(error: BaseException | None) -> httpx2.Response | None:
    """The HTTP answer behind it: the hub's client raises other errors on top, on purpose or not."""
    while error is not None:
        if isinstance(error, HfHubHTTPError | httpx2.HTTPStatusError):
            return error.response
        error = error.__cause__ or error.__context__
    return None


def _words_in(refusal: httpx2.Response) -> str:
    try:
        return _shortened(_words_of(refusal.json()))
    except (ValueError, httpx2.StreamError):
        return ""


def _words_of(body: object) -> str:
    """The sentence in an error body: TGI's, OpenAI's, older vLLM's or FastAPI's shape."""
    match body:
        case {"error": {"message": str(words)}} | {"error": str(words)}:
            return words
        case {"message": str(words)} | {"detail": str(words)}:
            return words
        case {"detail": [*faults]}:
            return "; ".join(str(f.get("msg", "")) for f in faults if isinstance(f, dict))
        case _:
            return ""


def _shortened(words: str) -> str:
    # pydantic's errors repeat the refused value behind this word.
    spoken = re.split(r"['\"]?\binput(?:_value)?\b['\"]?\s*[:=]", words, maxsplit=1)[0]
    return " ".join(spoken.split())[:_MOST_WORDS]
