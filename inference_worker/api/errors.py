"""Errors in OpenAI's form: each a sentence that says what to do.

Source: https://platform.openai.com/docs/guides/error-codes; the object is that of vLLM, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from inference_queue.protocol import FailureReason
from inference_worker.errors import EngineError

log = structlog.get_logger(__name__)

#: Seconds after which a refused client may ask again.
RETRY_AFTER_S = 5

#: How the kinds of errors are called, by status; others are the server's.
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

#: The status of an engine's failure, and OpenAI's code for it. Others: 500 and "engine_error".
_OF_FAILURES: dict[FailureReason, tuple[int, str]] = {
    FailureReason.INVALID_JOB: (400, "invalid_prompt"),
    FailureReason.NO_VISION: (400, "no_vision"),
    FailureReason.PROMPT_TOO_LONG: (400, "context_length_exceeded"),
    FailureReason.ENGINE_UNAVAILABLE: (503, "engine_unavailable"),
    FailureReason.ENGINE_OVERLOADED: (503, "engine_overloaded"),
    FailureReason.OUT_OF_MEMORY: (503, "out_of_memory"),
    FailureReason.EXPIRED: (504, "too_late"),
}


@dataclass(slots=True)
class ApiError(Exception):
    """A request that is not answered. ``param``: the field that is wrong."""

    status: int
    message: str
    code: str = "invalid_value"
    param: str | None = None

    def body(self) -> dict[str, Any]:
        """The error as OpenAI's clients read it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, kind),
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> web.Response:
        """The response; one that may help later says when to ask again."""
        is_passing = self.status in (429, 503)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if is_passing else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return web.json_response(self.body(), status=self.status, headers=headers)


def of_engine(error: EngineError) -> ApiError:
    """What a client is told of a failure."""
    failure = error.failure
    status, code = _OF_FAILURES.get(failure.reason, (500, "engine_error"))
    sentence = failure.message[:1].upper() + failure.message[1:]
    return ApiError(status, sentence if sentence.endswith(".") else f"{sentence}.", code)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error in the same form; a bug is logged, and tells nothing."""
    try:
        return await handler(request)
    except ApiError as error:
        return error.response()
    except EngineError as error:
        return of_engine(error).response()
    except web.HTTPException as error:
        return _of_http(error).response()
    except (ConnectionError, web.RequestPayloadError):
        raise
    except Exception:
        log.exception("api_broke", route=request.path)
        return ApiError(500, "The worker has a fault; its log says more.", "internal").response()


def _of_http(error: web.HTTPException) -> ApiError:
    if error.status == 404:
        sentence = "There is no such route: use /v1/models, /v1/chat/completions, /v1/completions."
        return ApiError(404, sentence, "not_found")
    if error.status == 405:
        return ApiError(405, "This route takes another method.", "method_not_allowed")
    return ApiError(error.status, f"{error.reason}.", "http")
