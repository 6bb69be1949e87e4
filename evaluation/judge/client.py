"""Asks a judge over HTTP, as any OpenAI-compatible server is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from evaluation.engines import without_secrets
from evaluation.errors import EvaluationError
from evaluation.records import NotJudged
from inference_worker.job_runner import storable

#: Tokens that a judge may write: a few sentences and the verdict.
MAX_TOKENS = 1024
#: Bytes of a response.
MAX_RESPONSE = 1024 * 1024
#: Characters of a judge's words that are kept.
KEPT_CHARS = 300
_MISCONFIGURED = (401, 403, 404, 405)

ChatMessage = dict[str, str]


class JudgeError(Exception):
    """The judge gave no verdict; ``said``: the end of what it wrote."""

    def __init__(self, reason: NotJudged, said: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.said = storable(said)[-KEPT_CHARS:]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeServer:
    """Where the judge is. Times are seconds."""

    url: str
    model: str = ""  #: empty: the first that the server names
    api_key: str = ""
    timeout_s: float = 120.0


class JudgeClient:
    """One judge of one server."""

    def __init__(self, session: aiohttp.ClientSession, api: URL, model: str) -> None:
        self.model = model
        self._session = session
        self._api = api

    async def ask(self, messages: Sequence[ChatMessage], *, seed: int) -> str:
        """What the judge writes. Raises JudgeError, and EvaluationError for a wrong setting."""
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "seed": seed,
        }
        status, content = await self._post(body)
        if status in _MISCONFIGURED:
            raise EvaluationError(
                f"The judge at {without_secrets(str(self._api))} refuses with {status}: check "
                "--judge, --judge-model and EVALUATION_JUDGE_KEY."
            )
        if status == 429 or status >= 500:
            raise JudgeError(NotJudged.SERVER_ERROR, f"HTTP {status}")
        if status != 200:
            raise JudgeError(NotJudged.REFUSED, f"HTTP {status}")
        return _written(content)

    async def _post(self, body: dict[str, Any]) -> tuple[int, bytes]:
        url = self._api / "chat" / "completions"
        try:
            async with self._session.post(url, json=body, allow_redirects=False) as response:
                content = await response.content.read(MAX_RESPONSE + 1)
                while len(content) <= MAX_RESPONSE and not response.content.at_eof():
                    content += await response.content.read(MAX_RESPONSE + 1 - len(content))
                return response.status, content
        except TimeoutError:
            raise JudgeError(NotJudged.SLOW) from None
        except (aiohttp.ClientError, OSError) as error:
            raise JudgeError(NotJudged.UNREACHABLE, type(error).__name__) from None


@asynccontextmanager
async def connected(server: JudgeServer) -> AsyncIterator[JudgeClient]:
    """A client of the judge. Raises EvaluationError where it cannot be asked for its model."""
    api = api_of(server.url)
    headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
    timeout = aiohttp.ClientTimeout(total=server.timeout_s, sock_connect=10.0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        model = server.model or await _first_model(session, api)
        yield JudgeClient(session, api, model)


def api_of(url: str) -> URL:
    """The root of the API, such as http://127.0.0.1:8000/v1. Raises EvaluationError."""
    try:
        parsed = URL(url.rstrip("/"))
        is_url = parsed.scheme in ("http", "https") and parsed.host
    except ValueError:
        is_url = None
    if not is_url:
        raise EvaluationError("--judge: an address is needed, such as http://127.0.0.1:8000/v1.")
    if parsed.path.endswith("/chat/completions"):
        return parsed.parent.parent
    return parsed / "v1" if parsed.path in ("", "/") else parsed


async def _first_model(session: aiohttp.ClientSession, api: URL) -> str:
    try:
        async with session.get(api / "models", allow_redirects=False) as response:
            listed = json.loads(await response.content.read(MAX_RESPONSE))
            name = listed["data"][0]["id"]
    except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise EvaluationError(
            f"The judge at {without_secrets(str(api))} does not say which model it has: start it, "
            "or name the model with --judge-model."
        )
    return name


def _written(content: bytes) -> str:
    try:
        choice = json.loads(content)["choices"][0]
        message, ended = choice["message"], choice.get("finish_reason")
        text, refusal = message.get("content"), message.get("refusal")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise JudgeError(NotJudged.MALFORMED) from None
    if refusal or ended == "content_filter":
        raise JudgeError(NotJudged.REFUSED, str(refusal or ended))
    if not isinstance(text, str):
        raise JudgeError(NotJudged.MALFORMED)
    if ended == "length":
        raise JudgeError(NotJudged.CUT, text)
    return text
