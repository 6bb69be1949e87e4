"""A bot to be fuzzed: a real process with a real worker behind it, watched from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiohttp import ClientError, ClientSession, CookieJar

from benchmarks.loop_blocks import count_blocks
from fakes.kakao import kakao_platform
from fakes.slack import slack_platform
from inference_queue.protocol import Completion, FinishReason, Job
from inference_worker.engines.base import Delta, ModelCard, Usage
from tests.support.raw_http import free_port
from tests.support.stack import (
    ADMIN_PASSWORD,
    GENERIC_SECRET,
    KAKAO_SECRET,
    SLACK_OAUTH,
    SLACK_SECRET,
    SLACK_TOKEN,
    running_worker,
)

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Vitals:
    """What must not grow."""

    rss_mib: float
    tasks: int
    files: int  #: sockets among them


@dataclass
class Target:
    """The running bot, and what a stranger, an operator and a visitor need to talk to it."""

    port: int
    pid: int
    log: Path
    callback_origin: str
    response_origin: str
    operator: str = ""  #: the Cookie header of somebody logged in
    csrf: str = ""
    visitor: str = ""  #: the Cookie header of the simulator

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def vitals(self) -> Vitals:
        told, process = self._told(), psutil.Process(self.pid)
        process.send_signal(signal.SIGUSR1)
        until = time.monotonic() + 20
        while len(now := self._told()) == len(told):
            if time.monotonic() > until:
                raise TimeoutError("the bot does not tell how it is")
            time.sleep(0.02)
        rss = process.memory_info().rss / 2**20
        return Vitals(rss, now[-1], process.num_fds())

    def rest(self) -> Vitals:
        """The vitals once everything that was begun has ended."""
        last = self.vitals()
        for _ in range(10):
            time.sleep(1.0)
            now = self.vitals()
            if (now.tasks, now.files) == (last.tasks, last.files):
                return now
            last = now
        return last

    def loop_blocks(self) -> int:
        """How often the event loop was blocked for too long, so far."""
        with urllib.request.urlopen(f"{self.origin}/metrics") as response:
            return count_blocks(response.read().decode())

    def blocked_in(self) -> list[str]:
        """The log's lines about blocks of the event loop."""
        lines = self.log.read_text("utf-8").splitlines()
        return [line[-1500:] for line in lines if '"event_loop_blocked"' in line]

    def complaints(self) -> list[str]:
        """The log's lines that tell of an error of the program, or that are no whole JSON."""
        return [line[-1500:] for line in self.log.read_text("utf-8").splitlines() if _bad(line)]

    def _told(self) -> list[int]:
        found = re.findall(r'"count":\s*(\d+),\s*"event":\s*"tasks"', self.log.read_text("utf-8"))
        return [int(count) for count in found]


def _bad(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return True
    if entry.get("event") in {"tasks", "store_down"}:  # a busy machine's Postgres was too slow
        return False
    return "exception" in entry or entry.get("level") in {"error", "critical"}


class Echo:
    """An engine that costs nothing."""

    card = ModelCard(name="echo", preset="bllossom-8b", demo=True)
    usage = Usage()
    template = None

    async def check(self) -> str:
        return ""

    async def start(self, progress: Callable[[str], None]) -> None:
        progress("nothing to load")

    async def generate(self, job: Job) -> AsyncGenerator[Delta | Completion, None]:
        text = f"에코: {job.messages[-1].content[:200]}"
        yield Delta(text)
        yield Completion(
            text=text,
            finish_reason=FinishReason.STOP,
            model="echo",
            prompt_tokens=1,
            completion_tokens=1,
        )

    async def close(self) -> None:
        pass


@asynccontextmanager
async def running_target(
    database_url: str, redis_url: str, folder: Path, *, worker: bool = True, **environment: str
) -> AsyncIterator[Target]:
    """The bot on a migrated database; ``environment`` changes its settings."""
    async with AsyncExitStack() as stack:
        kakao = await stack.enter_async_context(kakao_platform())
        slack = await stack.enter_async_context(slack_platform())
        port, log = free_port(), folder / "bot.log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
        settings = {
            "BOT_DATABASE_URL": database_url,
            "BOT_REDIS_URL": redis_url,
            "BOT_PORT": str(port),
            "BOT_KAKAO_SECRET": KAKAO_SECRET,
            "BOT_KAKAO_CALLBACK_HOSTS": kakao.origin,
            "BOT_KAKAO_SYNC_BUDGET_S": "0.3",
            "BOT_KAKAO_CALLBACK_GAP_S": "0",
            "BOT_SLACK_SIGNING_SECRET": SLACK_SECRET,
            "BOT_SLACK_RESPONSE_HOSTS": slack.origin,
            "BOT_SLACK_BOT_TOKEN": SLACK_TOKEN,
            "BOT_SLACK_API_URL": slack.api_url,
            **{f"BOT_{name.upper()}": value for name, value in SLACK_OAUTH.items()},
            "BOT_GENERIC_SECRET": GENERIC_SECRET,
            "BOT_GENERIC_CALLBACK_HOSTS": kakao.origin,
            "BOT_GENERIC_MAX_WAIT_S": "1",
            "BOT_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "BOT_SIMULATOR": "true",
            # Else most requests would end at the limits of one person.
            "BOT_MAX_WAITING_TURNS": "0",
            "BOT_RATE_LIMIT_PER_MINUTE": "0",
            **environment,
        }
        if worker:
            await stack.enter_async_context(running_worker(database_url, redis_url, Echo()))
        process = await stack.enter_async_context(_process(log, {**clean, **settings}))
        target = Target(port, process.pid, log, kakao.origin, slack.origin)
        await _until_alive(target)
        await _enter(target)
        yield target


@asynccontextmanager
async def _process(
    log: Path, environment: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fuzz.bot", cwd=ROOT, env=environment, stderr=output
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_alive(target: Target) -> None:
    async with asyncio.timeout(120), ClientSession() as http:
        while True:
            try:
                async with http.get(target.origin + "/readyz") as response:
                    if (await response.json())["parts"]["postgres"]["ok"]:
                        return
            except ClientError:
                pass
            await asyncio.sleep(0.1)


async def _enter(target: Target) -> None:
    """Log in as an operator, and open the simulator."""
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
        login = f"{target.origin}/admin/login"
        async with http.get(login) as response:
            token = _token(await response.text())
        form = {"csrf": token, "user": "admin", "password": ADMIN_PASSWORD}
        async with http.post(login, data=form) as response:
            target.csrf = _token(await response.text())
        async with http.get(f"{target.origin}/simulator/events"):
            pass
        cookies = {cookie.key: cookie.value for cookie in http.cookie_jar}
    target.operator = f"bllossom_admin={cookies['bllossom_admin']}"
    target.visitor = f"simulator={cookies['simulator']}"


def _token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]
