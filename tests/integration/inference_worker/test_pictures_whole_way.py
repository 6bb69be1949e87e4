"""A Kakao photo and a Slack file, from the webhook to the answer of a model in the worker."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from pydantic import SecretStr

from bot.messengers.kakao import picture_receiver as kakao_pictures
from bot.messengers.kakao.simulated_requests import as_photo
from bot.messengers.slack import picture_receiver as slack_pictures
from bot.text.catalog import TEXTS
from fakes.kakao import skill_request
from fakes.kakao_pictures import PictureHost, picture_host
from fakes.slack_files import SlackFiles, slack_files
from inference_worker.engines.local.engine import LocalEngine
from tests.support.slack_chat import SlackChat
from tests.support.stack import KAKAO_SECRET, SLACK_TOKEN, Stack, running_stack

TOKENS = 8
#: What a picture of these sizes becomes in the tiny model: one tile, and its parts.
LEAST_VISUAL_TOKENS = 30


def a_photo(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(written, "JPEG")
    return written.getvalue()


class Seeing:
    """A bot whose worker has a model that sees, and the hosts of people's pictures."""

    def __init__(self, stack: Stack, photos: PictureHost, files: SlackFiles) -> None:
        self.stack = stack
        self.photos = photos
        self.files = files

    async def send_kakao_photo(self, content: bytes) -> list[str]:
        """A photo as Kakao sends one; the bubbles."""
        request = as_photo(skill_request("", "철수"), self.photos.publish(content))
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        said = await self.stack.post("/webhooks/kakao", json.dumps(request).encode(), headers)
        return said.bubbles


@asynccontextmanager
async def seeing_stack(
    database_url: str, redis_url: str, engine: LocalEngine
) -> AsyncIterator[Seeing]:
    async with (
        picture_host() as photos,
        slack_files(SLACK_TOKEN) as files,
        running_stack(
            database_url,
            redis_url,
            engine,
            kakao_picture_hosts=(photos.origin,),
            slack_bot_token=SecretStr(SLACK_TOKEN),
            slack_picture_hosts=(files.origin,),
            merge_window_s=0.0,
        ) as stack,
    ):
        yield Seeing(stack, photos, files)


@pytest.fixture
async def seeing(
    database_url: str,
    redis_url: str,
    noise_llava_dir: Path,
    demo_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Seeing]:
    for receiver in (kakao_pictures, slack_pictures):
        monkeypatch.setattr(receiver, "FETCH_S", 20.0)  # a busy machine
    engine = LocalEngine(
        str(noise_llava_dir),
        slots=2,
        cache_dir=demo_cache,
        device="cpu",
        dtype="float32",
        max_new_tokens=TOKENS,
    )
    async with seeing_stack(database_url, redis_url, engine) as running:
        running.stack.set_kakao_sync_budget(30.0)
        yield running


async def test_a_kakao_photo_and_a_slack_file_are_looked_at_and_answered(seeing: Seeing) -> None:
    assert await seeing.send_kakao_photo(a_photo("red"))
    kakao = await seeing.stack.until("SELECT * FROM turns WHERE status = 'answered'")
    assert (kakao.text, kakao.completion_tokens) == (TEXTS["ko"].picture_text, TOKENS)
    chat = SlackChat(seeing.stack)
    room = chat.direct("U1")
    await chat.say("U1", room, "안녕하세요")
    greeting = await chat.until_answered("안녕하세요")
    file = seeing.files.publish(a_photo("blue"), "image/jpeg")
    await chat.say("U1", room, "이 사진은 뭐야?", subtype="file_share", files=[file])
    slack = await chat.until_answered("이 사진은 뭐야?")
    assert slack.completion_tokens == TOKENS
    assert slack.prompt_tokens > greeting.prompt_tokens + LEAST_VISUAL_TOKENS
    assert kakao.prompt_tokens > greeting.prompt_tokens + LEAST_VISUAL_TOKENS
    assert seeing.files.fetched == [file["url_private"]]
    await seeing.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM turn_pictures)")
    await seeing.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM jobs)")
