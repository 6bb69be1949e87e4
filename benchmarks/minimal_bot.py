"""What the product is compared with: a bot by hand with slack_bolt and aiohttp, without guarantees.

It asks the same engine and posts the same answers. It keeps the last exchanges in memory, and what
is on its way is lost with the process: no queue, no order, no retry, no limit.

With a database it writes down what a bot must know after a crash to answer each message once: that
the message was accepted, what is being posted, that it was. That is the least price of a guarantee.
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

import asyncpg
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


class Log:
    """What must survive a crash; without a database nothing does."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect, and make the table."""
        if self._database_url:
            self._pool = await asyncpg.create_pool(self._database_url, min_size=1, max_size=8)
            await self._pool.execute(
                "CREATE TABLE IF NOT EXISTS messages (id bigserial PRIMARY KEY, person text,"
                " question text, answer text, posting_at timestamptz, posted_at timestamptz)"
            )

    async def accepted(self, person: str, question: str) -> int:
        """The message is committed before it is acknowledged; its number."""
        if self._pool is None:
            return 0
        statement = "INSERT INTO messages (person, question) VALUES ($1, $2) RETURNING id"
        return int(await self._pool.fetchval(statement, person, question))

    async def posting(self, number: int, answer: str) -> None:
        """From here on a crash leaves the answer as perhaps shown."""
        if self._pool is not None:
            statement = "UPDATE messages SET answer = $2, posting_at = now() WHERE id = $1"
            await self._pool.execute(statement, number, answer)

    async def posted(self, number: int) -> None:
        """The answer was shown."""
        if self._pool is not None:
            await self._pool.execute("UPDATE messages SET posted_at = now() WHERE id = $1", number)


class MinimalBot:
    """The handlers of both messengers, and the memory they share."""

    def __init__(self, engine_url: str, log: Log) -> None:
        self._engine_url = engine_url
        self._log = log
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
        number = await self._log.accepted(body["user_id"], body["text"])
        await ack()
        answer = await self.answer(body["user_id"], body["text"])
        await self._log.posting(number, answer)
        await respond(text=answer)
        await self._log.posted(number)

    async def message(self, event: dict[str, Any], client: AsyncWebClient) -> None:
        """A direct message: its answer grows as a stream."""
        ts, shown_at, unsent = "", time.monotonic(), ""
        place = {"channel": event["channel"]}
        number = await self._log.accepted(event["user"], event["text"])
        async for piece in self.pieces(event["user"], event["text"]):
            unsent += piece
            if not ts:
                await self._log.posting(number, "")
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
        await self._log.posted(number)

    async def skill(self, request: web.Request) -> web.Response:
        """A skill request of Kakao: acknowledged, answered by its callback."""
        if not hmac.compare_digest(request.headers.get("X-Bot-Secret", ""), KAKAO_SECRET):
            return web.Response(status=401)
        asked = (await request.json())["userRequest"]
        number = await self._log.accepted(asked["user"]["id"], asked["utterance"])
        task = asyncio.create_task(self._call_back(asked, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.json_response({"version": "2.0", "useCallback": True})

    async def _call_back(self, asked: dict[str, Any], number: int) -> None:
        text = await self.answer(asked["user"]["id"], asked["utterance"])
        await self._log.posting(number, text)
        document = {"version": "2.0", "template": {"outputs": [{"simpleText": {"text": text}}]}}
        async with (await self.http()).post(asked["callbackUrl"], json=document) as response:
            await response.read()
        await self._log.posted(number)


def application(engine_url: str, slack_url: str, database_url: str = "") -> web.Application:
    """The web application with the product's routes."""
    log = Log(database_url)
    bot = MinimalBot(engine_url, log)

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

    async def open_log(_: web.Application) -> None:
        await log.open()

    app = web.Application()
    app.on_startup.append(open_log)
    app.router.add_post("/webhooks/slack/{kind}", dispatch)
    app.router.add_post("/webhooks/kakao", bot.skill)
    app.router.add_get("/healthz", lambda _request: asyncio.sleep(0, web.Response(text="ok")))
    return app


def main() -> None:
    """Listen on 127.0.0.1; the arguments: port, the engine's origin, Slack's origin, database."""
    port, engine_url, slack_url, database_url = sys.argv[1:5]
    web.run_app(
        application(engine_url, slack_url, database_url),
        host="127.0.0.1",
        port=int(port),
        access_log=None,
        loop=uvloop.new_event_loop(),
        print=None,
    )


if __name__ == "__main__":
    main()
