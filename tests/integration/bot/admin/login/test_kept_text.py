"""What was typed while the session ended: it comes back to who typed it, and to nobody else."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.sessions import MAX_IDLE_S
from bot.domain.dashboard_users import Role
from tests.support.admin import Client, Clock, StartAdmin, add_user, csrf_of, log_in

PROMPT = "너는 <b>인사팀</b>의 상담원이야.\n짧고 공손하게 답해 줘."
SCOPE = {"messenger": "slack", "tenant": "T1", "room": ""}
#: A form with long words of each kind, by where it is sent.
FORMS = {
    "/admin/bot-settings/draft": {**SCOPE, "base": "0", "revision": "", "system_prompt": PROMPT},
    "/admin/bot-settings/sandbox": {**SCOPE, "question": PROMPT},
    "/admin/bot-settings/publish": {**SCOPE, "note": PROMPT},
    "/admin/replays": {"name": "새 글", "max_turns": "5", "system_prompt": PROMPT},
    "/admin/reviews": {"name": PROMPT},
    "/admin/datasets": {"name": PROMPT, "kind": "sft"},
    "/admin/exports": {"list": "turns", "format": "csv", "reason": PROMPT},
    "/admin/searches": {"name": PROMPT, "q": "환불"},
}


async def token_of(client: Client) -> str:
    return csrf_of(await (await client.get("/admin/account")).text())


def texts_of(html: str) -> list[str]:
    found = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", html, re.DOTALL)
    return [unescape(one) for one in found]


def fields_of(html: str) -> dict[str, str]:
    """All that the page's form would send."""
    form = html.partition('<form class="card fields"')[2].partition("</form>")[0]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    names = re.findall(r'<textarea[^>]*name="([^"]+)"', form)
    sent = {name: unescape(value) for name, value in hidden}
    return sent | dict(zip(names, texts_of(form), strict=True))


@pytest.mark.parametrize("path", FORMS)
async def test_the_text_is_there_after_logging_in_again(
    operator: Client, clock: Clock, path: str
) -> None:
    form = {"csrf": await token_of(operator), **FORMS[path]}
    clock.now += MAX_IDLE_S + 1
    refused = await operator.post(path, data=form)
    shown = await refused.text()
    assert refused.status == 403
    assert PROMPT in texts_of(shown)
    assert "새 창에서 로그인" in shown
    await log_in(operator)
    again = await operator.post(path, data=fields_of(shown))
    shown = await again.text()
    assert again.status == 403
    assert PROMPT in texts_of(shown)
    sent = fields_of(shown)
    assert sent == form | {"csrf": await token_of(operator)}


async def test_a_prompt_is_saved_as_it_was_typed(
    operator: Client, database: AsyncEngine, clock: Clock
) -> None:
    path = "/admin/bot-settings/draft"
    form = {"csrf": await token_of(operator), **FORMS[path]}
    clock.now += MAX_IDLE_S + 1
    refused = await operator.post(path, data=form)
    await log_in(operator)
    again = await operator.post(path, data=fields_of(await refused.text()))
    saved = await operator.post(path, data=fields_of(await again.text()), allow_redirects=False)
    assert saved.status == 303
    async with database.connect() as connection:
        drafted = text("SELECT \"values\" ->> 'system_prompt' FROM config_drafts")
        assert await connection.scalar(drafted) == PROMPT


async def test_another_user_at_the_same_browser_sees_and_sends_nothing_of_it(
    operator: Client, database: AsyncEngine, clock: Clock
) -> None:
    path = "/admin/bot-settings/draft"
    form = {"csrf": await token_of(operator), **FORMS[path]}
    clock.now += MAX_IDLE_S + 1
    refused = await operator.post(path, data=form)
    await add_user(database, "다른이", Role.ADMIN)
    await log_in(operator, user="다른이")
    answer = await operator.post(path, data=fields_of(await refused.text()))
    shown = await answer.text()
    assert answer.status == 403
    assert "인사팀" not in shown
    assert "다른 사용자로 로그인해 있어" in shown
    async with database.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM config_drafts")) == 0


@pytest.mark.parametrize("token", ["", "old", "a" * 88])
async def test_a_form_that_is_not_ours_is_shown_to_nobody(stranger: Client, token: str) -> None:
    path = "/admin/bot-settings/draft"
    answer = await stranger.post(path, data={"csrf": token, **FORMS[path]}, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"] == "/admin/login"


async def test_a_form_with_a_password_never_comes_back(
    operator: Client, start_admin: StartAdmin, clock: Clock
) -> None:
    form = {"csrf": await token_of(operator), "name": "새사람", "password": "비밀번호입니다만"}
    clock.now += MAX_IDLE_S + 1
    answer = await operator.post("/admin/users", data=form, allow_redirects=False)
    assert answer.status == 303
    assert "비밀번호입니다만" not in await answer.text()
