"""Photos of one's own in the simulator: who may upload them, and how long they stay."""

from __future__ import annotations

import io

import pytest

from bot.messengers.kakao import simulated_photos
from bot.messengers.kakao.skill_pictures import holds_pictures
from tests.support.simulator_standin import StandInBot
from tests.support.simulator_visitor import Visitor, visitor

PHOTO = b"\xff\xd8\xff any bytes"


async def upload(person: Visitor, content: bytes = PHOTO, origin: str = "") -> tuple[int, str]:
    headers = {"Origin": origin or person.origin}
    url = f"{person.origin}/simulator/kakao/photos"
    async with person.client.post(url, data=io.BytesIO(content), headers=headers) as response:
        is_made = response.status == 201
        return response.status, (await response.json())["photo"] if is_made else ""


async def shown(person: Visitor, token: str) -> tuple[int, bytes]:
    url = f"{person.origin}/simulator/kakao/photos/{token}.jpg"
    async with person.client.get(url) as response:
        return response.status, await response.read()


async def test_an_uploaded_photo_is_sent_by_its_address(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        status, token = await upload(person)
        assert status == 201
        assert await shown(person, token) == (200, PHOTO)
        await person.say("kakao", text="사진", kind="photo", photo=token)
        event = await person.until("utterance")
        await person.until("answer")
        [skill] = bot.skills
        url = skill["userRequest"]["utterance"]
        assert url == bot.origin + event["photo"]
        assert token in url
        assert holds_pictures(skill, url)


async def test_only_the_page_itself_may_upload(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        assert (await upload(person, origin="http://evil.example"))[0] == 403
        person.client.cookie_jar.clear()
        assert (await upload(person))[0] == 409
        assert (await upload(person, bytes(2 * 1024 * 1024)))[0] in (409, 413)


async def test_a_photo_of_many_megabytes_is_refused(bot: StandInBot) -> None:
    async with visitor(bot.origin) as person:
        assert (await upload(person, bytes(2 * 1024 * 1024)))[0] == 413


async def test_the_oldest_photo_makes_room(
    bot: StandInBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with visitor(bot.origin) as person:
        _, first = await upload(person)
        for number in range(simulated_photos.MAX_PHOTOS):
            _, last = await upload(person, PHOTO + bytes([number]))
        assert (await shown(person, first))[0] == 404
        assert (await shown(person, last))[0] == 200


@pytest.mark.parametrize("name", ["x/../../app", "한글", "a" * 65])
async def test_no_other_name_is_sent(bot: StandInBot, name: str) -> None:
    async with visitor(bot.origin) as person:
        status, _ = await person.say("kakao", text="사진", kind="photo", photo=name)
        assert status == 400
        assert not bot.skills
