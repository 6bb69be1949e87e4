"""A real HTTP server that judges as a model behind an OpenAI-compatible URL does, faults included.

    async with judge_server(score=lambda question, answer: len(answer)) as judge:
        ...                        # judge.url
        judge.faults.append(JudgeFault.GARBAGE)

It reads the prompts of ``evaluation.judge.prompts`` as a model would: by their headings and marks.
The form of its answers is that of api.openai.com as of 2026-11.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from fakes.faults import serving

MODEL = "judge-of-the-tests"
_BLOCK = re.compile(r"\[([^\]\n]+)\]\n(==[0-9a-f]{12}==)\n(.*?)\n\2", re.DOTALL)


class JudgeFault(StrEnum):
    """How the judge fails on a request."""

    SERVER_ERROR = "500"
    RATE_LIMITED = "429"
    BAD_KEY = "401"
    SLOW = "slow"  #: never answers
    DROPPED = "dropped"  #: closes the connection
    GARBAGE = "garbage"  #: no JSON
    NO_CHOICES = "no choices"
    REFUSES = "refuses"  #: the model declines, as OpenAI's do
    NO_NUMBER = "no number"
    OUT_OF_SCALE = "out of scale"
    TWO_VERDICTS = "two verdicts"
    CUT = "cut"  #: finish reason length


def by_length(_question: str, answer: str) -> float:
    """The default score: longer answers are better, from 1 to 10."""
    return min(10, 1 + len(answer) // 10)


@dataclass
class JudgeServer:
    """The judge's switches and its memory."""

    score: Callable[[str, str], float] = by_length
    first_bonus: float = 0.0  #: a liking for what stands first
    api_key: str = ""
    models: list[str] = field(default_factory=lambda: [MODEL])
    faults: deque[JudgeFault | None] = field(default_factory=deque)  #: of the next requests
    always: JudgeFault | None = None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    def prompts(self) -> list[str]:
        """What people's models were shown, request by request."""
        return [body["messages"][-1]["content"] for body in self.requests]


@asynccontextmanager
async def judge_server(**switches: Any) -> AsyncIterator[JudgeServer]:
    """Run the server; ``switches`` are JudgeServer's fields."""
    judge = JudgeServer(**switches)

    async def show_models(_request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model"} for name in judge.models]
        return web.json_response({"object": "list", "data": listed})

    async def complete(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        judge.requests.append(body)
        if judge.api_key and request.headers.get("Authorization") != f"Bearer {judge.api_key}":
            return _error(401, "Incorrect API key provided")
        fault = judge.faults.popleft() if judge.faults else judge.always
        return await _answer(judge, request, body, fault)

    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.add_routes([web.get("/v1/models", show_models), web.post("/v1/chat/completions", complete)])
    async with serving(app, before_close=judge.closing.set) as judge.url:
        yield judge


async def _answer(
    judge: JudgeServer, request: web.Request, body: dict[str, Any], fault: JudgeFault | None
) -> web.StreamResponse:
    if fault in (JudgeFault.SERVER_ERROR, JudgeFault.RATE_LIMITED, JudgeFault.BAD_KEY):
        return _error(int(fault.value), "The server had an error")
    if fault is JudgeFault.SLOW:
        await judge.closing.wait()
    if fault is JudgeFault.DROPPED and request.transport is not None:
        request.transport.abort()
    if fault is JudgeFault.GARBAGE:
        return web.Response(text="<html>504 Gateway Time-out</html>", content_type="text/html")
    if fault is JudgeFault.NO_CHOICES:
        return web.json_response({"id": "chatcmpl-1", "object": "chat.completion", "choices": []})
    if fault is JudgeFault.REFUSES:
        return _completion(body, None, refusal="I'm sorry, I can't assist with that.")
    if fault is JudgeFault.CUT:
        return _completion(body, "두 답변을 살펴보면 [[10]]", ended="length")
    return _completion(body, _verdict(judge, body, fault))


def _verdict(judge: JudgeServer, body: dict[str, Any], fault: JudgeFault | None) -> str:
    blocks = {name: text for name, _mark, text in _BLOCK.findall(body["messages"][-1]["content"])}
    question = "\n\n".join(text for name, text in blocks.items() if name.startswith("질문"))
    if fault is JudgeFault.NO_NUMBER:
        return "둘 다 훌륭한 답변이라 점수를 매기기 어렵습니다."
    if "답변 A" in blocks:
        scores = {name: judge.score(question, blocks[f"답변 {name}"]) for name in "AB"}
        scores["A"] = min(10, scores["A"] + judge.first_bonus)
    else:
        scores = {"score": judge.score(question, blocks["채점할 답변"])}
    if fault is JudgeFault.OUT_OF_SCALE:
        scores = dict.fromkeys(scores, 95)
    verdict = json.dumps(scores)
    if fault is JudgeFault.TWO_VERDICTS:
        verdict = f"{json.dumps(dict.fromkeys(scores, 10))}\n{json.dumps(dict.fromkeys(scores, 2))}"
    return f"질문에 맞게 답했는지를 보았습니다.\n{verdict}"


def _completion(
    body: dict[str, Any], text: str | None, *, refusal: str | None = None, ended: str = "stop"
) -> web.Response:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text,
        "refusal": refusal,
        "annotations": [],
    }
    return web.json_response(
        {
            "id": "chatcmpl-C7vFn0dDqEYz1dGq0f6Zp8X2aJb4K",
            "object": "chat.completion",
            "created": 1795640000,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": ended}],
            "usage": {"prompt_tokens": 612, "completion_tokens": 48, "total_tokens": 660},
            "service_tier": "default",
            "system_fingerprint": None,
        }
    )


def _error(status: int, message: str) -> web.Response:
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=status)
