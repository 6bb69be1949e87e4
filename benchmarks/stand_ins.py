"""Stand-ins in the benchmark's own process: an engine server, and Slack's and Kakao's hosts.

Events are recorded by the number in each question ("#12"), in Unix seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.messengers.kakao.simulated_requests import callback_receipt

MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
END = "(끝)"  #: the end of every complete answer
_MARK = re.compile(r"#(\d+)")


@dataclass(slots=True)
class StandIns:
    """The engine's speed and the recorded events. ``answer_s``: average time per answer."""

    answer_s: float = 0.0
    origin: str = ""
    starts: dict[int, float] = field(default_factory=dict)  #: arrivals of questions at the engine
    ends: dict[int, float] = field(default_factory=dict)  #: the engine's last tokens
    #: Messages to the person: the arrival, and whether it was the whole answer.
    posts: dict[int, tuple[float, bool]] = field(default_factory=dict)

    def forget(self) -> None:
        """Clear the recorded events, so that numbers can be reused."""
        for seen in (self.starts, self.ends, self.posts):
            seen.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions: stream three chunks over this answer's time."""
        body = await request.json()
        number = int(_MARK.findall(body["messages"][-1]["content"])[-1])
        self.starts.setdefault(number, time.time())
        # A question takes the same time in every run.
        takes_s = self.answer_s * random.Random(number).uniform(0.5, 1.5)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in (f"답 #{number}: ", "맑아요. ", END):
            if takes_s:
                await asyncio.sleep(takes_s / 3)
            await response.write(event_line({"delta": {"content": piece}, "finish_reason": None}))
        self.ends[number] = time.time()
        await response.write(
            event_line({"delta": {}, "finish_reason": "stop"}) + b"data: [DONE]\n\n"
        )
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": [{"id": MODEL, "owned_by": "bench"}]})

    async def post_slack(self, request: web.Request) -> web.Response:
        """A message to a command's response_url."""
        await self._record(request)
        return web.Response(text="ok")

    async def post_kakao(self, request: web.Request) -> web.Response:
        """A message to a callback URL."""
        await self._record(request)
        return web.json_response(callback_receipt("SUCCESS", ""))

    async def _record(self, request: web.Request) -> None:
        arrived = time.time()
        whole = END in (await request.read()).decode()
        self.posts.setdefault(int(request.match_info["number"]), (arrived, whole))


@contextlib.asynccontextmanager
async def running_stand_ins(answer_s: float = 0.0) -> AsyncIterator[StandIns]:
    """Run all stand-ins on one free port."""
    stand_ins = StandIns(answer_s)
    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/models", stand_ins.models),
            web.post("/v1/chat/completions", stand_ins.answer),
            web.post("/slack/{number}", stand_ins.post_slack),
            web.post("/kakao/{number}", stand_ins.post_kakao),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stand_ins.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stand_ins
    finally:
        await runner.cleanup()


def event_line(choice: Mapping[str, object]) -> bytes:
    """A chunk of an answer as a server-sent event."""
    chunk = {"object": "chat.completion.chunk", "model": MODEL, "choices": [{"index": 0, **choice}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
