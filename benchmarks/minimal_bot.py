"""What the product is compared with: a bot by hand with slack_bolt and aiohttp, without guarantees.

It asks the same engine and posts the same answers. It keeps the last exchanges in memory, and what
is on its way is lost with the process: no queue, no order, no retry, no limit.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvloop
from aiohttp import ClientSession, web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from benchmarks.raw_http import KAKAO_SECRET, SLACK_SECRET, SLACK_TOKEN
from benchmarks.stand_ins import MODEL
from bot.messengers.slack.live_messages import APPEND_EVERY_S

#: Messages of a person that the engine is told.
HISTORY = 20


class MinimalBot:
    """The handlers of both messengers, and the memory they share."""

    def __init__(self, engine_url: str) -> None:
        self._engine_url = engine_url
        self._histories: defaultdict[str, deque[dict[str, str]]] = defaultdict(
            lambda: deque(maxlen=HISTORY)
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: ClientSession | None = None

    async def http(self) -> ClientSession:
        """One client for all calls."""
        if self._http is None:
            self._http = ClientSession()
        return self._http

    async def pieces(self, person: str, question: str) -> AsyncIterator[str]:
        """The engine's answer as it comes."""
        history = self._histories[person]
        history.append({"role": "user", "content": question})
        body = {"model": MODEL, "messages": list(history), "stream": True, "max_tokens": 512}
        http, answer = await self.http(), ""
        async with http.post(f"{self._engine_url}/v1/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    delta = json.loads(line[6:])["choices"][0]["delta"].get("content", "")
                    answer += delta
                    yield delta
        history.append({"role": "assistant", "content": answer})

    async def answer(self, person: str, question: str) -> str:
        """The engine's whole answer."""
        return "".join([piece async for piece in self.pieces(person, question)])

    async def command(
        self, ack: Callable[[], Awaitable[None]], respond: Any, body: dict[str, Any]
    ) -> None:
        """A slash command."""
        await ack()
        await respond(text=await self.answer(body["user_id"], body["text"]))

    async def message(self, event: dict[str, Any], client: AsyncWebClient) -> None:
        """A direct message: its answer grows as a stream."""
        ts, shown_at, unsent = "", time.monotonic(), ""
        place = {"channel": event["channel"]}
        async for piece in self.pieces(event["user"], event["text"]):
            unsent += piece
            if not ts:
                thread = {**place, "thread_ts": event["ts"], "markdown_text": unsent}
                ts = str((await client.api_call("chat.startStream", json=thread))["ts"])
            elif time.monotonic() - shown_at < APPEND_EVERY_S:
                continue
            else:
                more = {**place, "ts": ts, "markdown_text": unsent}
                await client.api_call("chat.appendStream", json=more)
            shown_at, unsent = time.monotonic(), ""
        rest = {"markdown_text": unsent} if unsent else {}
        await client.api_call("chat.stopStream", json={**place, "ts": ts, **rest})

    async def skill(self, request: web.Request) -> web.Response:
        """A skill request of Kakao: acknowledged, answered by its callback."""
        if not hmac.compare_digest(request.headers.get("X-Bot-Secret", ""), KAKAO_SECRET):
            return web.Response(status=401)
        asked = (await request.json())["userRequest"]
        task = asyncio.create_task(self._call_back(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.json_response({"version": "2.0", "useCallback": True})

    async def _call_back(self, asked: dict[str, Any]) -> None:
        text = await self.answer(asked["user"]["id"], asked["utterance"])
        document = {"version": "2.0", "template": {"outputs": [{"simpleText": {"text": text}}]}}
        async with (await self.http()).post(asked["callbackUrl"], json=document) as response:
            await response.read()


def application(engine_url: str, slack_url: str) -> web.Application:
    """The web application with the product's routes."""
    bot = MinimalBot(engine_url)

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=SLACK_TOKEN, bot_id="B0"
        )

    bolt = AsyncApp(
        signing_secret=SLACK_SECRET,
        authorize=authorize,
        client=AsyncWebClient(base_url=f"{slack_url}/api/"),
    )
    bolt.command("/bllossom")(bot.command)
    bolt.event("message")(bot.message)

    async def dispatch(request: web.Request) -> web.Response:
        answer = await bolt.async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(answer)

    app = web.Application()
    app.router.add_post("/webhooks/slack/{kind}", dispatch)
    app.router.add_post("/webhooks/kakao", bot.skill)
    app.router.add_get("/healthz", lambda _request: asyncio.sleep(0, web.Response(text="ok")))
    return app


def main() -> None:
    """Listen on 127.0.0.1; the arguments: the port, the engine's origin, Slack's origin."""
    port, engine_url, slack_url = sys.argv[1:4]
    web.run_app(
        application(engine_url, slack_url),
        host="127.0.0.1",
        port=int(port),
        access_log=None,
        loop=uvloop.new_event_loop(),
        print=None,
    )


if __name__ == "__main__":
    main()
