"""A photo on its whole way: from Kakao's host to a model that sees, and then nowhere."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot import app_keys
from bot.messengers.kakao import picture_receiver
from bot.messengers.kakao.simulated_requests import as_photo, as_secure_images
from bot.messengers.kakao.words import WORDS, KakaoWords
from bot.store.migrations import migrate
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from fakes.kakao import skill_request
from fakes.kakao_pictures import PictureHost, picture_host
from inference_queue.protocol import MAX_PICTURES, FailureReason
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from inference_worker import eyesight
from inference_worker.engines.base import Vision
from inference_worker.engines.served.engine import ServedEngine
from onebox.embedded_servers import embedded_postgres
from runtime.redis_client import connect_redis
from tests.integration.bot.messengers.kakao.conftest import KakaoChat
from tests.support.stack import (
    KAKAO_SECRET,
    Said,
    running_stack,
    running_worker,
    served,
    until_ready,
)

KO = TEXTS["ko"]
LANGUAGES = pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)


def a_picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, kind)
    return written.getvalue()


def a_bomb() -> bytes:
    """A PNG of some kilobytes that would unpack to gigabytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000), 9)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class PhotoChat(KakaoChat):
    """One person's chat, and the host of the photos."""

    host: PictureHost

    async def send_photo(self, url: str) -> Said:
        """A photo, as Kakao sends one."""
        return await self._send(as_photo(skill_request("", self.user), url))

    async def send_secure_images(self, *urls: str) -> Said:
        """The answer of the secure-image plugin."""
        return await self._send(as_secure_images(skill_request("사진 보내기", self.user), urls))

    async def _send(self, request: dict[str, Any]) -> Said:
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        body = json.dumps(request).encode()
        return await self.stack.post("/webhooks/kakao", body, headers)

    async def nothing_is_kept(self) -> None:
        """No picture is left in Postgres, and no address in the log."""
        await self.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM turn_pictures)")
        await self.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM jobs)")
        turns = await self.stack.rows("SELECT row_to_json(turns)::text AS row FROM turns")
        assert "credential" not in str(turns)
        assert "base64" not in str(turns)


@asynccontextmanager
async def photo_chat(
    database_url: str, redis_url: str, vision: Vision = Vision.TRUE, **changes: Any
) -> AsyncIterator[PhotoChat]:
    changes.setdefault("merge_window_s", 0.0)
    async with (
        picture_host() as host,
        served(vision=True) as (server, _),
        running_stack(
            database_url,
            redis_url,
            ServedEngine(server.url, silence_timeout_s=5, vision=vision),
            kakao_picture_hosts=(host.origin,),
            **changes,
        ) as stack,
    ):
        running = PhotoChat(stack, server)
        running.host = host
        yield running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_receiver, "FETCH_S", 20.0)  # a busy machine


@pytest.fixture
async def photos(database_url: str, redis_url: str) -> AsyncIterator[PhotoChat]:
    async with photo_chat(database_url, redis_url) as running:
        yield running


async def test_a_photo_is_fetched_once_scaled_seen_and_forgotten(photos: PhotoChat) -> None:
    url = photos.host.publish(a_picture("PNG", (2048, 1024)))
    said = await photos.send_photo(url)
    assert said.bubbles == [f"에코: {KO.picture_prompt} 사진 1024x512"]
    assert photos.host.fetched == [url]
    [picture] = photos.server.requests[-1].pictures
    assert (picture.format, picture.size) == ("JPEG", (1024, 512))
    [turn] = await photos.stack.rows("SELECT text, prompt, media FROM turns")
    assert (turn.text, turn.prompt, turn.media) == ("[사진]", None, [{"type": "image"}])
    await photos.nothing_is_kept()


async def test_later_questions_know_of_the_photo_by_a_word_alone(photos: PhotoChat) -> None:
    await photos.send_photo(photos.host.publish(a_picture()))
    assert (await photos.say("무슨 색이었지?")).bubbles == ["에코: 무슨 색이었지?"]
    request = photos.server.requests[-1]
    assert request.pictures == []
    assert request.contents[1:] == [
        "[사진]",
        f"에코: {KO.picture_prompt} 사진 64x48",
        "무슨 색이었지?",
    ]


async def test_the_pictures_of_the_plugin_are_seen_in_order(photos: PhotoChat) -> None:
    urls = [photos.host.publish(a_picture(size=(10 * n, 10))) for n in (1, 2, 3, 4)]
    said = await photos.send_secure_images(*urls)
    shown = "사진 10x10 사진 20x10 사진 30x10 사진 40x10"
    assert said.bubbles == [f"에코: {KO.picture_prompt} {shown}"]
    assert sorted(photos.host.fetched) == sorted(urls)
    await photos.nothing_is_kept()


async def test_a_question_right_after_the_photo_is_about_it(
    database_url: str, redis_url: str
) -> None:
    async with photo_chat(database_url, redis_url, merge_window_s=3.0) as photos:
        photos.stack.set_kakao_sync_budget(0.0)
        await photos.send_photo(photos.host.publish(a_picture()))
        await photos.say("이게 뭐야?")
        turn = await photos.stack.until("SELECT answer, prompt FROM turns WHERE answer <> ''")
        assert turn.answer == "에코: 이게 뭐야? 사진 64x48"
        assert turn.prompt == "[사진]\n이게 뭐야?"
        await photos.nothing_is_kept()
        said = await photos.say("다시")
        assert said.bubbles == [KO.picture_gone]


async def test_a_photo_is_not_asked_again(photos: PhotoChat) -> None:
    await photos.send_photo(photos.host.publish(a_picture()))
    assert (await photos.say("다시")).bubbles == [KO.picture_gone]
    assert len(photos.server.requests) == 1


async def test_more_pictures_than_a_message_may_have_are_not_fetched(photos: PhotoChat) -> None:
    urls = [photos.host.publish(a_picture()) for _ in range(MAX_PICTURES + 1)]
    said = await photos.send_secure_images(*urls)
    assert said.bubbles == [WORDS["ko"].pictures_too_many.format(max=MAX_PICTURES)]
    assert photos.host.fetched == []


async def test_a_text_model_declines_and_fetches_nothing(database_url: str, redis_url: str) -> None:
    async with photo_chat(database_url, redis_url, Vision.FALSE) as photos:
        said = await photos.send_photo(photos.host.publish(a_picture()))
        assert said.bubbles == [WORDS["ko"].picture_declined]
        assert photos.host.fetched == []
        assert not await photos.stack.rows("SELECT 1 FROM turns")


async def test_beside_a_worker_that_reads_text_only_the_other_one_sees(
    database_url: str, redis_url: str, photos: PhotoChat
) -> None:
    engine = ServedEngine(photos.server.url, silence_timeout_s=5)
    async with running_worker(database_url, redis_url, engine):
        await until_ready(photos.stack)
        registry = photos.stack.app[app_keys.WORKERS]
        while len(registry.ready) < 2:
            await registry.refresh()
        for number in range(1, 4):
            said = await photos.send_photo(photos.host.publish(a_picture(size=(8 * number, 8))))
            assert said.bubbles == [f"에코: {KO.picture_prompt} 사진 {8 * number}x8"]


async def test_a_text_worker_of_the_previous_version_is_enough_to_decline(
    photos: PhotoChat, redis_url: str
) -> None:
    redis = connect_redis(redis_url)
    previous = WorkerStatus(id="previous", state=WorkerState.READY)  # it claims every job
    await Heartbeat(redis, worker=previous.id).publish(previous)
    await redis.aclose()
    registry = photos.stack.app[app_keys.WORKERS]
    while len(registry.ready) < 2:
        await registry.refresh()
    said = await photos.send_photo(photos.host.publish(a_picture()))
    assert said.bubbles == [WORDS["ko"].picture_declined]


async def test_a_job_that_reaches_a_text_model_is_declined_and_not_tried_again(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the bot knew them before the worker was replaced.
    monkeypatch.setattr(WorkerRegistry, "sees_pictures", True)
    monkeypatch.setattr(eyesight, "GRACE_S", 0.0)  # no worker that sees is waited for
    async with photo_chat(database_url, redis_url, Vision.FALSE) as photos:
        said = await photos.send_photo(photos.host.publish(a_picture()))
        assert said.bubbles == [KO.media_unsupported]
        [turn] = await photos.stack.rows("SELECT failure_reason FROM turns")
        assert turn.failure_reason == FailureReason.NO_VISION
        assert not photos.server.requests
        await photos.nothing_is_kept()


@LANGUAGES
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xd8\xff" + bytes(11 * 1024 * 1024), "picture_too_large"),
        (a_bomb(), "picture_too_large"),
        (b"<html>" + bytes(100), "picture_unreadable"),
        (a_picture()[:200], "picture_unreadable"),
    ],
    ids=["of too many bytes", "a bomb", "of another type", "cut off"],
)
async def test_a_bad_picture_has_its_sentence_and_no_second_try(
    database_url: str, redis_url: str, words: KakaoWords, content: bytes, sentence: str
) -> None:
    language = next(name for name, known in WORDS.items() if known is words)
    async with photo_chat(database_url, redis_url, language=language) as photos:
        said = await photos.send_photo(photos.host.publish(content))
        assert said.bubbles == [getattr(words, sentence)]
        assert len(photos.host.fetched) == 1
        assert not await photos.stack.rows("SELECT 1 FROM turns")


@LANGUAGES
async def test_an_address_that_leads_nowhere_has_its_sentence(
    database_url: str, redis_url: str, words: KakaoWords
) -> None:
    language = next(name for name, known in WORDS.items() if known is words)
    async with photo_chat(database_url, redis_url, language=language) as photos:
        url = photos.host.publish(a_picture())
        foreign = await photos.send_photo("https://evil.example/dn/a/img.jpg")
        assert foreign.bubbles == [words.picture_foreign]
        led_away = await photos.send_photo(photos.host.redirect(url))
        assert led_away.bubbles == [words.picture_foreign]
        photos.host.expire()
        assert (await photos.send_photo(url)).bubbles == [words.picture_expired]
        assert photos.host.fetched[1:] == [url]
        assert not await photos.stack.rows("SELECT 1 FROM turns")


async def test_a_photo_without_an_address_has_its_sentence(photos: PhotoChat) -> None:
    request = as_photo(skill_request("", photos.user), "")
    assert (await photos._send(request)).bubbles == [WORDS["ko"].picture_unreachable]
    assert not await photos.stack.rows("SELECT 1 FROM turns")


@LANGUAGES
async def test_a_slow_host_is_not_waited_for(
    database_url: str, redis_url: str, words: KakaoWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_receiver, "FETCH_S", 0.3)
    language = next(name for name, known in WORDS.items() if known is words)
    async with photo_chat(database_url, redis_url, language=language) as photos:
        photos.host.delay_s = 5.0
        said = await photos.send_photo(photos.host.publish(a_picture()))
        assert said.bubbles == [words.picture_unreachable]
        assert len(photos.host.fetched) == 1


async def test_a_stopped_photo_leaves_no_picture(database_url: str, redis_url: str) -> None:
    async with photo_chat(database_url, redis_url, merge_window_s=10.0) as photos:
        photos.stack.set_kakao_sync_budget(0.0)
        await photos.send_photo(photos.host.publish(a_picture()))
        [kept] = await photos.stack.rows("SELECT media_type FROM turn_pictures")
        assert kept.media_type == "image/jpeg"
        await photos.say("그만")
        await photos.nothing_is_kept()


async def test_an_erasure_takes_the_picture_along(database_url: str, redis_url: str) -> None:
    async with photo_chat(database_url, redis_url, merge_window_s=10.0) as photos:
        photos.stack.set_kakao_sync_budget(0.0)
        await photos.send_photo(photos.host.publish(a_picture()))
        asked = await photos.say("내 정보 삭제")
        await photos.press(asked, KO.erase_label)
        await photos.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM turns)")
        assert not await photos.stack.rows("SELECT 1 FROM turn_pictures")


async def test_a_restart_of_postgres_before_the_job_loses_no_picture(
    own_servers_dir: Path, redis_url: str
) -> None:
    folder = own_servers_dir / "p"
    async with AsyncExitStack() as exits:
        async with embedded_postgres(folder, durable=True) as url:
            await migrate(url)
            photos = await exits.enter_async_context(photo_chat(url, redis_url, merge_window_s=4.0))
            photos.stack.set_kakao_sync_budget(0.0)
            sent = photos.host.publish(a_picture())
            await photos.send_photo(sent)
            assert not await photos.stack.rows("SELECT 1 FROM jobs")
        async with embedded_postgres(folder, durable=True):
            await photos.stack.database.dispose()  # its connections are those of before
            turn = await photos.stack.until("SELECT answer FROM turns WHERE answer <> ''")
            assert turn.answer == f"에코: {KO.picture_prompt} 사진 64x48"
            assert photos.host.fetched == [sent]
            await photos.nothing_is_kept()
            await exits.aclose()
