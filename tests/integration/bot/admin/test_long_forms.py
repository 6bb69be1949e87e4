"""The longest Hangul texts that can be typed come back in pages below 60 kB."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.bot_settings.sandbox.views import MAX_QUESTION_CHARS
from bot.admin.login.sessions import MAX_IDLE_S
from bot.configs.keys import (
    KEYS,
    MAX_NOTICE_CHARS,
    MAX_PROMPT_CHARS,
    MAX_TEXT_CHARS,
    MAX_TYPED_PROMPT_CHARS,
    TEXT_PREFIX,
)
from bot.domain.bot_config import Scope
from bot.domain.reviews import MAX_CORRECTION_CHARS
from bot.domain.sandbox import SandboxAnswer, SandboxSide
from bot.domain.turns import clean_text
from bot.store import sandbox
from bot.store.sandbox import MAX_QUESTIONS
from tests.integration.bot.admin.bot_settings.pages import (
    PAGES,
    ROOM,
    hidden,
    publish,
    publish_past_the_pages,
    save_draft,
    shown,
)
from tests.support.admin import Client, Clock, csrf_of, send
from tests.support.reviews import judge, post
from tests.support.sample_turns import add_turn

MAX_BYTES = 60_000
PROMPT = ("환불은 이레 안에 됩니다. " * MAX_TYPED_PROMPT_CHARS)[: MAX_TYPED_PROMPT_CHARS - 1] + "."
#: Some more than the 2,048 tokens hold that an answer has at most by default.
ANSWER = "답" * 4_300
NOTICE = f"{TEXT_PREFIX}ai_notice"
SENTENCES = {
    key: "가" * (MAX_NOTICE_CHARS if key == NOTICE else MAX_TEXT_CHARS)
    for key in KEYS
    if key.startswith(TEXT_PREFIX)
}
SETTINGS = {**ROOM, "base": "0", "history_turns": "many", **SENTENCES}
#: Published by the command line, before the forms had a bound of their own.
OLD_PROMPT = "가" * MAX_PROMPT_CHARS
#: By form: where it is sent, and what makes it come back.
REFUSED = {
    "settings": (f"{PAGES}/draft", SETTINGS, "system_prompt"),
    "replay": ("/admin/replays", {"name": "", "max_turns": "5"}, "system_prompt"),
}


@pytest.mark.parametrize("form", REFUSED)
async def test_a_refused_form_gives_the_longest_prompt_back(operator: Client, form: str) -> None:
    path, fields, name = REFUSED[form]
    response = await send(operator, path, **fields, **{name: PROMPT})
    page = await response.read()
    assert response.status == 400
    assert PROMPT in page.decode()
    assert len(page) < MAX_BYTES


@pytest.mark.parametrize("form", REFUSED)
async def test_a_longer_prompt_is_refused_in_a_sentence_and_not_lost(
    operator: Client, form: str
) -> None:
    path, fields, name = REFUSED[form]
    sound = {"name": "비교", "history_turns": "3"}
    typed = {**fields, **{key: sound.get(key, value) for key, value in fields.items()}}
    response = await send(operator, path, **typed, **{name: PROMPT + "!"})
    page = await response.text()
    assert response.status == 400
    assert f"{MAX_TYPED_PROMPT_CHARS:,}자까지 쓸 수 있습니다" in page
    assert PROMPT + "!" in page


async def test_a_sandbox_question_comes_back_below_the_longest_chat(
    operator: Client, database: AsyncEngine
) -> None:
    await save_draft(operator, system_prompt=PROMPT)
    await add_chat(database, MAX_QUESTIONS)
    question = "가" * (MAX_QUESTION_CHARS + 1)
    response = await send(operator, f"{PAGES}/sandbox", question=question, **ROOM)
    page = await response.read()
    assert response.status == 400
    assert question in page.decode()
    assert len(page) < MAX_BYTES
    [*_, whole] = re.findall(r'href="([^"]+only=[0-9]+)"', page.decode())
    alone = await (await operator.get(unescape(whole))).read()
    assert alone.decode().count(ANSWER) == 2
    assert len(alone) < MAX_BYTES


async def add_chat(database: AsyncEngine, count: int) -> None:
    """So many questions of the room, each answered by both sides."""
    async with database.begin() as connection:
        for _ in range(count):
            sides = [
                SandboxAnswer(side=side, job_id=uuid4(), preset="demo") for side in SandboxSide
            ]
            asked = "질" * MAX_QUESTION_CHARS
            await sandbox.add(connection, "admin", Scope(**ROOM), asked, uuid4(), sides)
            for answer in sides:
                await sandbox.settle(connection, replace(answer, answer=ANSWER))


async def test_a_correction_comes_back_with_what_it_changes(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database, "질" * 1_000, ANSWER)
    path, correction = f"/admin/reviews/turns/{turn_id}", "다" * MAX_CORRECTION_CHARS
    for act in ({"act": "preview"}, {"verdict": ""}):
        page = await (await judge(operator, turn_id, correction=correction, **act)).read()
        assert correction in page.decode()
        assert "<ins>다다" in page.decode()
        assert len(page) < MAX_BYTES
    refused = await post(operator, f"{path}/verdict", verdict="", correction=correction)
    page = await refused.read()
    assert correction in page.decode()
    assert len(page) < MAX_BYTES


async def test_of_two_windows_the_later_one_gets_its_prompt_and_the_difference(
    operator: Client,
) -> None:
    await save_draft(operator, system_prompt="나" * MAX_TYPED_PROMPT_CHARS)
    fields = {"base": "0", "revision": "", **ROOM}
    response = await send(operator, f"{PAGES}/draft", system_prompt=PROMPT, **fields)
    page = await response.read()
    assert response.status == 409
    assert PROMPT in page.decode()
    assert "<del>나나" in page.decode()
    assert "<ins>환불" in page.decode()
    assert len(page) < MAX_BYTES


@pytest.mark.parametrize("form", REFUSED)
async def test_what_was_typed_while_the_session_ended_comes_back(
    operator: Client, clock: Clock, form: str
) -> None:
    path, fields, name = REFUSED[form]
    token = csrf_of(await (await operator.get("/admin/account")).text())
    clock.now += MAX_IDLE_S + 1
    response = await operator.post(path, data={"csrf": token, **fields, name: PROMPT})
    page = await response.read()
    assert response.status == 403
    assert PROMPT in page.decode()
    assert len(page) < MAX_BYTES


async def test_a_longer_stored_prompt_stays_until_somebody_changes_it(
    operator: Client, database: AsyncEngine
) -> None:
    await publish_past_the_pages(database, tuple(ROOM.values()), {"system_prompt": OLD_PROMPT})
    form = await shown(operator)
    assert OLD_PROMPT in form
    assert f"{MAX_TYPED_PROMPT_CHARS:,}자" in form
    fields = {"base": hidden(form, "base"), "revision": "", **ROOM}
    changed = await send(operator, f"{PAGES}/draft", system_prompt=OLD_PROMPT[1:] + "나", **fields)
    assert changed.status == 400
    assert await save_draft(operator, system_prompt=OLD_PROMPT, history_turns="3") == 303
    assert (await publish(operator))[0] == 303
    after = await shown(operator)
    assert OLD_PROMPT in after
    assert 'value="3"' in after


def test_the_sample_is_as_long_as_can_be_typed() -> None:
    assert len(PROMPT) == MAX_TYPED_PROMPT_CHARS
    assert clean_text(PROMPT) == PROMPT
