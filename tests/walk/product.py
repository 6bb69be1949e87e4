"""The product as ``make run`` starts it, and a second worker beside it with the candidate."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientError, ClientSession

from bot.doctor.local_run import running_settings
from inference_queue.presets import DEMO_PRESET
from onebox.local_settings import free_port
from tests.walk.programs import running
from tests.walk.waiting import until

HOST = "127.0.0.1"
#: Answers of the product are short, so that the training takes minutes.
ANSWER_TOKENS = 24
SLOTS = 8
#: How long KakaoTalk waits for an answer at the callback URL; its guides say 60, or 300.
CALLBACK_S = 290


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product on this machine; the same data directory with every start."""

    place: Path
    callback_origin: str  #: where KakaoTalk takes answers
    kakao_secret: str
    password: str  #: of the dashboard's first user
    port: int
    api_port: int  #: of its worker's endpoint

    @classmethod
    def in_folder(cls, place: Path, callback_origin: str) -> Product:
        """A new one, with secrets and ports of its own."""
        return cls(
            place=place,
            callback_origin=callback_origin,
            kakao_secret=secrets.token_hex(32),
            password=secrets.token_urlsafe(15),
            port=free_port(HOST, 0),
            api_port=free_port(HOST, 0),
        )

    @property
    def data_dir(self) -> Path:
        """Where it keeps everything."""
        return self.place / "data"

    @property
    def origin(self) -> str:
        """The bot's address."""
        return f"http://{HOST}:{self.port}"

    @property
    def operator(self) -> dict[str, str]:
        """The settings of whoever types commands beside it."""
        return {"BOT_DATA_DIR": str(self.data_dir)}

    @asynccontextmanager
    async def running(self, http: ClientSession, *, adapter: str = "") -> AsyncIterator[None]:
        """``make run`` until the block ends; ``adapter``: LoRA weights on the model."""
        # Tied to this process, as `make run` ties it to make.
        words = ["-I", "-S", "onebox/tether.py", "15", str(os.getpid())]
        words += [sys.executable, "-m", "onebox"]
        log = self.place / "product.log"
        async with running("the product", words, log, self._settings(adapter)) as process:

            async def is_ready() -> bool:
                ended = process.returncode is not None
                return ended or await _answers(http, f"{self.origin}/readyz")

            await until(is_ready, "the product is ready")
            yield

    @asynccontextmanager
    async def second_worker(self, http: ClientSession, adapter: Path) -> AsyncIterator[str]:
        """A worker with the adapter beside the product's own; the URL of its endpoint."""
        port = free_port(HOST, 0)
        found = running_settings(self.data_dir)
        settings = self._worker(str(adapter), port) | {
            "WORKER_DATA_DIR": str(self.data_dir),
            "WORKER_DATABASE_URL": found["BOT_DATABASE_URL"],
            "WORKER_REDIS_URL": found["BOT_REDIS_URL"],
        }
        words, log = ["-m", "inference_worker"], self.place / "candidate.log"
        async with running("the second worker", words, log, settings) as process:
            url = f"http://{HOST}:{port}/v1"

            async def is_ready() -> bool:
                return process.returncode is not None or await _answers(http, f"{url}/models")

            await until(is_ready, "the second worker is ready")
            yield url

    def _settings(self, adapter: str) -> dict[str, str]:
        return self._worker(adapter, self.api_port) | {
            "BOT_DATA_DIR": str(self.data_dir),
            "BOT_PORT": str(self.port),
            "BOT_SIMULATOR": "false",
            "BOT_ADMIN_PASSWORD": self.password,
            "BOT_KAKAO_SECRET": self.kakao_secret,
            "BOT_KAKAO_CALLBACK_HOSTS": self.callback_origin,
            "BOT_KAKAO_CALLBACK_BUDGET_S": str(CALLBACK_S),
            "BOT_KAKAO_MAX_NEW_TOKENS": str(ANSWER_TOKENS),
        }

    @staticmethod
    def _worker(adapter: str, api_port: int) -> dict[str, str]:
        return {
            "WORKER_MODEL": DEMO_PRESET,
            "WORKER_ADAPTER": adapter,
            "WORKER_SLOTS": str(SLOTS),
            "WORKER_API_PORT": str(api_port),
        }


async def _answers(http: ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except (ClientError, TimeoutError):
        return False
