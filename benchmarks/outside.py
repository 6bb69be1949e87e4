"""The world outside, in the benchmark's own process: an engine server, Slack's and Kakao's hosts.

Everything is noted by the number that a question carries ("#12"), in Unix seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from bot.messengers.kakao.simulated_requests import callback_receipt

MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
END = "(끝)"  #: stands at the end of every complete answer
_MARK = re.compile(r"#(\d+)")


@dataclass(slots=True)
class Outside:
    """The switches of the engine, and what was seen. An answer takes ``answer_s`` on average."""

    answer_s: float = 0.0
    origin: str = ""
    starts: dict[int, float] = field(default_factory=dict)  #: the engine got the question
    ends: dict[int, float] = field(default_factory=dict)  #: the engine's last word went out
    #: A message arrived for the person: when, and whether it was the whole answer.
    posts: dict[int, tuple[float, bool]] = field(default_factory=dict)

    def forget(self) -> None:
        """Let numbers be used again."""
        for seen in (self.starts, self.ends, self.posts):
            seen.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions: stream three pieces over the time that this answer takes."""
        body = await request.json()
        number = int(_MARK.findall(body["messages"][-1]["content"])[-1])
        self.starts.setdefault(number, time.time())
        # The same question takes the same time in every run.
        takes_s = self.answer_s * random.Random(number).uniform(0.5, 1.5)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in (f"답 #{number}: ", "맑아요. ", END):
            if takes_s:
                await asyncio.sleep(takes_s / 3)
            await response.write(_event({"delta": {"content": piece}, "finish_reason": None}))
        self.ends[number] = time.time()
        await response.write(_event({"delta": {}, "finish_reason": "stop"}) + b"data: [DONE]\n\n")
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": [{"id": MODEL, "owned_by": "bench"}]})

    async def post_slack(self, request: web.Request) -> web.Response:
        """A message to a command's response_url."""
        await self._note(request)
        return web.Response(text="ok")

    async def post_kakao(self, request: web.Request) -> web.Response:
        """A message to a callback URL."""
        await self._note(request)
        return web.json_response(callback_receipt("SUCCESS", ""))

    async def _note(self, request: web.Request) -> None:
        arrived = time.time()
        whole = END in (await request.read()).decode()
        self.posts.setdefault(int(request.match_info["number"]), (arrived, whole))


@contextlib.asynccontextmanager
async def running_outside(answer_s: float = 0.0) -> AsyncIterator[Outside]:
    """The three of them on one free port."""
    outside = Outside(answer_s)
    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/models", outside.models),
            web.post("/v1/chat/completions", outside.answer),
            web.post("/slack/{number}", outside.post_slack),
            web.post("/kakao/{number}", outside.post_kakao),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        outside.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield outside
    finally:
        await runner.cleanup()


def _event(choice: dict[str, object]) -> bytes:
    chunk = {"object": "chat.completion.chunk", "model": MODEL, "choices": [{"index": 0, **choice}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
