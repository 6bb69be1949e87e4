"""Pictures among a message's files: from Slack's host to a model that sees, and then nowhere."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from PIL import Image
from pydantic import SecretStr

from bot.http.picture_scaling import PictureProblem
from bot.messengers.slack import picture_receiver
from bot.messengers.slack.words import WORDS
from bot.text.catalog import TEXTS
from fakes.engine_server import EngineServer
from fakes.slack_files import SlackFiles, slack_files
from inference_queue.protocol import MAX_PICTURES
from inference_worker.engines.base import Vision
from inference_worker.engines.served.engine import ServedEngine
from tests.support.slack_chat import SlackChat
from tests.support.stack import SLACK_TOKEN, running_stack, served

KO = TEXTS["ko"]


def a_picture(kind: str = "PNG", size: tuple[int, int] = (64, 48)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(written, kind)
    return written.getvalue()


class PictureChat(SlackChat):
    """One workspace, the host of its files, and the engine."""

    files: SlackFiles
    server: EngineServer

    async def show(self, text: str, *files: dict[str, Any], user: str = "U1") -> str:
        """Write a direct message with files; its ts."""
        fields: dict[str, Any] = {"subtype": "file_share", "files": [*files]}
        return await self.say(user, self.direct(user), text, **fields)

    async def until_told(self, root: str, sentence: str, user: str = "U1") -> None:
        """Wait for a sentence in the message's thread."""
        await self.until_shown(user, self.direct(user), root, sentence)

    async def nothing_is_kept(self) -> None:
        """No picture is left in Postgres, and no address."""
        await self.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM turn_pictures)")
        await self.stack.until("SELECT 1 WHERE NOT EXISTS (SELECT FROM jobs)")
        turns = await self.stack.rows("SELECT row_to_json(turns)::text AS row FROM turns")
        assert "files-pri" not in str(turns)


@asynccontextmanager
async def picture_chat(
    database_url: str, redis_url: str, vision: Vision = Vision.TRUE
) -> AsyncIterator[PictureChat]:
    async with (
        slack_files(SLACK_TOKEN) as host,
        served(vision=True) as (server, _),
        running_stack(
            database_url,
            redis_url,
            ServedEngine(server.url, silence_timeout_s=5, vision=vision),
            slack_bot_token=SecretStr(SLACK_TOKEN),
            slack_picture_hosts=(host.origin,),
            merge_window_s=0.0,
        ) as stack,
    ):
        chat = PictureChat(stack)
        chat.files, chat.server = host, server
        yield chat


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_receiver, "FETCH_S", 20.0)  # a busy machine


@pytest.fixture
async def chat(database_url: str, redis_url: str) -> AsyncIterator[PictureChat]:
    async with picture_chat(database_url, redis_url) as running:
        yield running


async def test_a_picture_beside_a_question_is_seen_and_forgotten(chat: PictureChat) -> None:
    file = chat.files.publish(a_picture(size=(2048, 1024)), "image/png")
    await chat.show("이게 뭐야?", file)
    turn = await chat.until_answered("이게 뭐야?")
    assert turn.answer == f"에코: 이게 뭐야?\n\n{KO.picture_text} 사진 1024x512"
    assert chat.files.fetched == [file["url_private"]]
    assert len(turn.media) == 1
    await chat.nothing_is_kept()


async def test_a_picture_alone_is_described(chat: PictureChat) -> None:
    file = chat.files.publish(a_picture("JPEG"), "image/jpeg")
    await chat.show("", file)
    turn = await chat.until_answered(KO.picture_text)
    assert turn.answer == f"에코: {KO.picture_prompt} 사진 64x48"


async def test_a_mention_in_a_channel_is_asked_with_its_pictures(chat: PictureChat) -> None:
    files = [chat.files.publish(a_picture(size=(8 * n, 8)), "image/png") for n in (1, 2, 3, 4)]
    await chat.say("U1", "C1", f"{chat.mention} 비교해 줘", subtype="file_share", files=files)
    turn = await chat.until_answered("비교해 줘")
    assert turn.answer.endswith("사진 8x8 사진 16x8 사진 24x8 사진 32x8")


async def test_other_files_are_named_to_the_model_as_before(chat: PictureChat) -> None:
    document = chat.files.publish(b"%PDF-1.7", "application/pdf")
    await chat.show("요약해 줘", document)
    turn = await chat.until_answered("요약해 줘")
    assert turn.answer == f"에코: 요약해 줘\n\n{KO.files_note}"
    assert chat.files.fetched == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>" + bytes(100), PictureProblem.UNREADABLE),
        (a_picture()[:60], PictureProblem.UNREADABLE),
        (b"\xff\xd8\xff" + bytes(11 * 1024 * 1024), PictureProblem.TOO_LARGE),
    ],
    ids=["of another type", "cut off", "of too many bytes"],
)
async def test_a_bad_picture_has_its_sentence_and_is_not_asked_about(
    chat: PictureChat, content: bytes, problem: PictureProblem
) -> None:
    ts = await chat.show("뭐야?", chat.files.publish(content, "image/png"))
    await chat.until_told(ts, WORDS["ko"].picture_problems[problem])
    assert not await chat.stack.rows("SELECT 1 FROM turns")


async def test_a_file_elsewhere_is_not_asked_for_and_gets_no_token(chat: PictureChat) -> None:
    file = chat.files.publish(a_picture(), "image/png")
    elsewhere = {**file, "url_private": "https://evil.example/files-pri/T1-F0/image"}
    ts = await chat.show("뭐야?", elsewhere)
    await chat.until_told(ts, WORDS["ko"].picture_problems[PictureProblem.FOREIGN])
    assert chat.files.fetched == []


async def test_without_the_scope_the_person_is_told(chat: PictureChat) -> None:
    chat.files.tokens = ("xoxb-another",)
    ts = await chat.show("뭐야?", chat.files.publish(a_picture(), "image/png"))
    await chat.until_told(ts, WORDS["ko"].picture_problems[PictureProblem.FOREIGN])


async def test_more_pictures_than_a_message_may_have_are_not_fetched(chat: PictureChat) -> None:
    files = [chat.files.publish(a_picture(), "image/png") for _ in range(MAX_PICTURES + 1)]
    ts = await chat.show("뭐야?", *files)
    await chat.until_told(ts, WORDS["ko"].pictures_too_many.format(max=MAX_PICTURES))
    assert chat.files.fetched == []


async def test_a_text_model_is_told_of_the_file_and_a_picture_alone_is_declined(
    database_url: str, redis_url: str
) -> None:
    async with picture_chat(database_url, redis_url, Vision.FALSE) as chat:
        file = chat.files.publish(a_picture(), "image/png")
        await chat.show("이게 뭐야?", file)
        turn = await chat.until_answered("이게 뭐야?")
        assert turn.answer == f"에코: 이게 뭐야?\n\n{KO.files_note}"
        ts = await chat.show("", file)
        await chat.until_told(ts, KO.media_unsupported)
        assert chat.files.fetched == []
