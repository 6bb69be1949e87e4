"""The processes themselves, as an engineer starts them by hand, and what a kill -9 costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession
from sqlalchemy import text

from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer, engine_server
from fakes.kakao import skill_request
from fakes.slack import SlackPlatform, signed_command, slack_platform
from runtime.database import connect_database
from tests.support.stack import KAKAO_SECRET, SLACK_SECRET

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
    started = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env={**clean, **environment}
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGCONT)
            started.kill()
        started.wait(10)


class Installation:
    """An engineer's own Postgres, Valkey and inference server, and where the bot will listen."""

    def __init__(self, database_url: str, redis_url: str, server: EngineServer, slack: str) -> None:
        self.server = server
        self.database_url = database_url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bot = {
            "BOT_DATABASE_URL": database_url.replace("+asyncpg", ""),
            "BOT_REDIS_URL": redis_url,
            "BOT_PORT": str(self.port),
            "BOT_KAKAO_SECRET": KAKAO_SECRET,
            "BOT_SLACK_SIGNING_SECRET": SLACK_SECRET,
            "BOT_SLACK_RESPONSE_HOSTS": slack,
        }
        self.worker = {
            "WORKER_DATABASE_URL": database_url.replace("+asyncpg", ""),
            "WORKER_REDIS_URL": redis_url,
            "WORKER_BASE_URL": server.url,
            "WORKER_LEASE_S": "2",
        }

    async def until(self, path: str, status: int, timeout_s: float = 60) -> str:
        async with asyncio.timeout(timeout_s), ClientSession() as http:
            while True:
                try:
                    async with http.get(self.url + path) as response:
                        if response.status == status:
                            return await response.text()
                except ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def lease_is_over(self) -> None:
        database = connect_database(self.database_url, pool_size=1)
        lapsed = text("SELECT 1 FROM jobs WHERE lease_until < now() OR state = 'queued'")
        async with asyncio.timeout(30), database.connect() as connection:
            while not (await connection.execute(lapsed)).all():
                await asyncio.sleep(0.05)
        await database.dispose()

    async def ask_kakao(self, utterance: str) -> list[str]:
        async with ClientSession(headers={"X-Bot-Secret": KAKAO_SECRET}) as http:
            body = skill_request(utterance)
            async with http.post(self.url + "/webhooks/kakao", json=body) as response:
                outputs = (await response.json())["template"]["outputs"]
                return [output["simpleText"]["text"] for output in outputs]

    async def ask_slack(self, slack: SlackPlatform, said: str) -> None:
        body, headers = signed_command(SLACK_SECRET, said, response_url=slack.new_response_url())
        async with ClientSession() as http:
            url = self.url + "/webhooks/slack/commands"
            async with http.post(url, data=body, headers=headers) as response:
                assert response.status == 200


@pytest.fixture
async def slack() -> AsyncIterator[SlackPlatform]:
    async with slack_platform() as platform:
        yield platform


@pytest.fixture
async def installed(
    empty_database_url: str, redis_url: str, slack: SlackPlatform
) -> AsyncIterator[Installation]:
    async with engine_server() as server:
        yield Installation(empty_database_url, redis_url, server, slack.origin)


async def migrate(installed: Installation) -> None:
    with process("bot", "migrate", environment=installed.bot) as migration:
        assert await asyncio.to_thread(migration.wait, 60) == 0


async def test_three_turns_from_an_empty_database_by_hand(installed: Installation) -> None:
    with process("bot", "serve", environment=installed.bot) as bot:
        parts = json.loads(await installed.until("/readyz", 503))["parts"]
        assert "python -m bot migrate" in parts["postgres"]["detail"]
        await migrate(installed)
        with process("inference_worker", environment=installed.worker) as worker:
            await installed.until("/readyz?model=1", 200)
            notice, *answers = await installed.ask_kakao("하나")
            assert notice == TEXTS["ko"].ai_notice
            for said in ("둘", "셋"):
                answers += await installed.ask_kakao(said)
            assert answers == ["에코: 하나", "에코: 둘", "에코: 셋"]
            prompt = installed.server.requests[-1]
            assert prompt.roles == ["system", "user", "assistant", "user", "assistant", "user"]
            assert prompt.contents[1:] == ["하나", "에코: 하나", "둘", "에코: 둘", "셋"]
            worker.terminate()
            assert await asyncio.to_thread(worker.wait, 60) == 0
        bot.terminate()
        assert await asyncio.to_thread(bot.wait, 60) == 0


async def test_killed_worker_loses_no_answer(installed: Installation, slack: SlackPlatform) -> None:
    await migrate(installed)
    with process("bot", "serve", environment=installed.bot):
        with process("inference_worker", environment=installed.worker) as worker:
            await installed.until("/readyz?model=1", 200)
            installed.server.delay_per_token_s = 3
            await installed.ask_slack(slack, "견딜 수 있니?")
            await installed.server.until(lambda s: s.running == 1)
            worker.kill()
        installed.server.delay_per_token_s = 0
        with process("inference_worker", environment=installed.worker):
            post = await slack.next_post()
            assert post.markdown == "에코: 견딜 수 있니?"
            await installed.ask_slack(slack, "그다음")
            await slack.next_post(count=2)
            assert [post.markdown for post in slack.posts][1:] == ["에코: 그다음"]


async def test_a_killed_bot_loses_nothing_it_accepted(
    installed: Installation, slack: SlackPlatform
) -> None:
    await migrate(installed)
    with process("bot", "serve", environment=installed.bot) as bot:
        await installed.until("/healthz", 200)
        await installed.ask_slack(slack, "받았지?")
        bot.kill()
    with (
        process("bot", "serve", environment=installed.bot),
        process("inference_worker", environment=installed.worker),
    ):
        assert (await slack.next_post()).markdown == "에코: 받았지?"


async def test_late_result_of_a_frozen_worker_is_rejected(
    installed: Installation, slack: SlackPlatform
) -> None:
    await migrate(installed)
    with (
        process("bot", "serve", environment=installed.bot),
        process("inference_worker", environment=installed.worker) as zombie,
    ):
        await installed.until("/readyz?model=1", 200)
        installed.server.delay_per_token_s = 0.5
        await installed.ask_slack(slack, "누가 답하니?")
        await installed.server.until(lambda s: s.running == 1)
        zombie.send_signal(signal.SIGSTOP)
        await installed.lease_is_over()
        installed.server.delay_per_token_s = 0
        with process("inference_worker", environment=installed.worker):
            assert (await slack.next_post()).markdown == "에코: 누가 답하니?"
            zombie.send_signal(signal.SIGCONT)
            await installed.server.until(lambda s: s.running == 0)
            await installed.ask_slack(slack, "그다음")
            await slack.next_post(count=2)
            assert [post.markdown for post in slack.posts][1:] == ["에코: 그다음"]


@pytest.mark.parametrize(
    ("arguments", "changes", "sentence"),
    [
        (("bot", "serve"), {"BOT_DATABASE_URL": ""}, "BOT_DATABASE_URL is not set"),
        (("bot", "serve"), {"BOT_DATABASE_URL": "mysql://x/y"}, "postgresql://"),
        (("bot", "serve"), {"BOT_PORT": "many"}, "BOT_PORT=many: a whole number"),
        (("bot", "serve"), {"BOT_REDIS_URL": "redis://x?y=1"}, "BOT_REDIS_URL: y: "),
        (("bot", "serve"), {"BOT_DATABASE_URL": "postgres://x/y?z=1"}, "BOT_DATABASE_URL: z: "),
        (("bot", "migrate"), {"BOT_DATABASE_URL": "postgres://x/y?z=1"}, "BOT_DATABASE_URL: z: "),
        (("bot", "serve"), {"BOT_PRESET": "gpt"}, "unknown preset"),
        (("bot", "serve"), {"BOT_HOST": "203.0.113.7"}, "no such address: check BOT_HOST"),
        (("bot", "migrate"), {"BOT_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "refused"),
        (("inference_worker",), {"WORKER_REDIS_URL": ""}, "WORKER_REDIS_URL is not set"),
        (("inference_worker",), {"WORKER_SLOTS": "0"}, "WORKER_SLOTS"),
        (("inference_worker",), {"WORKER_REDIS_URL": "localhost:6379"}, "WORKER_REDIS_URL: it"),
        (("inference_worker",), {"WORKER_DATABASE_URL": "x"}, "WORKER_DATABASE_URL: it cannot"),
        (
            ("inference_worker",),
            {"WORKER_BASE_URL": "http://h", "WORKER_DIALECT": "klingon"},
            "WORKER_DIALECT: auto or one of",
        ),
        (("inference_worker",), {"WORKER_BASE_URL": "localhost:8000"}, "WORKER_BASE_URL: http://"),
        (("inference_worker",), {"WORKER_ENGINE": "served", "WORKER_BASE_URL": ""}, "BASE_URL"),
    ],
)
def test_wrong_setting_is_one_sentence_and_exit_status_1(
    arguments: tuple[str, ...], changes: dict[str, str], sentence: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BOT_", "WORKER_"))}
    environment |= {
        "BOT_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "BOT_REDIS_URL": "redis://127.0.0.1:1/0",
        "WORKER_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "WORKER_REDIS_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**environment, **changes},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(sentences) <= 2


def test_the_bot_needs_no_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None; "
        "import bot.app, bot.doctor.examination, onebox.run"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)
