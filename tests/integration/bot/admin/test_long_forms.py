"""The longest Hangul texts that can be typed come back in pages below 60 kB."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.bot_settings.sandbox.views import MAX_QUESTION_CHARS
from bot.admin.login.sessions import MAX_IDLE_S
from bot.configs.keys import MAX_PROMPT_CHARS, MAX_TYPED_PROMPT_CHARS
from bot.domain.reviews import MAX_CORRECTION_CHARS
from bot.domain.turns import clean_text
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
from tests.support.reviews import judge
from tests.support.sample_turns import add_turn

MAX_BYTES = 60_000
PROMPT = ("환불은 이레 안에 됩니다. " * MAX_TYPED_PROMPT_CHARS)[: MAX_TYPED_PROMPT_CHARS - 1] + "."
#: Published by the command line, before the forms had a bound of their own.
OLD_PROMPT = "가" * MAX_PROMPT_CHARS
#: By form: where it is sent, and what makes it come back.
REFUSED = {
    "settings": (f"{PAGES}/draft", {**ROOM, "base": "0", "history_turns": "many"}, "system_prompt"),
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


async def test_a_sandbox_question_comes_back(operator: Client) -> None:
    await save_draft(operator, system_prompt=PROMPT)
    question = "가" * (MAX_QUESTION_CHARS + 1)
    response = await send(operator, f"{PAGES}/sandbox", question=question, **ROOM)
    page = await response.read()
    assert response.status == 400
    assert question in page.decode()
    assert len(page) < MAX_BYTES


async def test_a_correction_comes_back_with_what_it_changes(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    correction = "다" * MAX_CORRECTION_CHARS
    response = await judge(operator, turn_id, correction=correction)
    page = await response.read()
    assert correction in page.decode()
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
