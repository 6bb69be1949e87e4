"""The dashboard of a user who chose English."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.store.reading.room import Room
from bot.text.catalog import TEXTS
from tests.support.admin import HASHED, PASSWORD, Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.sample_turns import add_turn, conversation_of

HANGUL = re.compile("[ㄱ-ㆎ가-힣]")


@pytest.fixture
async def english(start_admin: StartAdmin, database: AsyncEngine) -> Client:
    await add_user(database, "kim", Role.ADMIN)
    client = await start_admin(database)
    await log_in(client, user="kim")
    assert (await send(client, "/admin/account/language", language="en")).status == 303
    return client


def of_pages(html: str) -> str:
    """The page without the languages' own names, and what the bot says to people."""
    for words in ("한국어", TEXTS["ko"].ai_notice):
        html = html.replace(words, "")
    return html


async def test_no_page_has_a_word_of_korean_but_peoples_own(
    english: Client, database: AsyncEngine
) -> None:
    turn = await add_turn(
        database, "Hello?", "Hi!", delivery="failed", messenger="slack", dropped_messages=2,
        room="C1", sender="U1",
    )  # fmt: skip
    keys = ObjectKeys(Password("admin", HASHED).session_key())
    person = keys.of_person(Person(messenger="slack", tenant="shop", sender="U1"))
    channel = keys.of_room(Room(messenger="slack", tenant="shop", name="C1"))
    other = await add_user(database, "lee")
    await send(english, "/admin/account/second-factor", current=PASSWORD)
    await send(english, f"/admin/users/{other}/state", state="disabled", reason="left")
    room = await conversation_of(database)
    for path in (
        "/admin/",
        "/admin/?messenger=x",
        "/admin/?from=x",
        "/admin/?q=hello+status:answered",
        "/admin/?q=x:1+status:x+latency:x+tokens:x+date:x",
        "/admin/?q=config:+status:>x&from=2026-11-22&to=2026-11-20",
        "/admin/?after=x",
        f"/admin/conversations/{room}",
        "/admin/conversations/99",
        f"/admin/turns/{turn}",
        f"/admin/turns/{turn}/prompt",
        f"/admin/turns/{turn}/request",
        f"/admin/turns/{turn}/texts/answer",
        f"/admin/turns/{turn}?from=x",
        f"/admin/people/{person}",
        f"/admin/rooms/{channel}",
        "/admin/turns/99",
        "/admin/people/99",
        "/admin/rooms/99",
        "/admin/account",
        "/admin/account/second-factor",
        "/admin/users",
        f"/admin/users/{other}",
        "/admin/users/99",
        "/admin/audit",
        "/admin/audit?from=x",
        "/admin/audit/report",
        "/admin/charts?range=7d",
        "/admin/charts/volume",
        "/admin/charts/in-time",
        "/admin/charts/latency-whole",
        "/admin/charts/errors",
        "/admin/charts/nothing",
        "/admin/charts?range=x",
        "/admin/charts?end=x",
        "/admin/live",
        "/admin/live?messenger=x",
        "/admin/workers",
        "/admin/alerts",
        "/admin/dead-letters",
        "/admin/dead-letters?state=x",
        "/admin/nothing",
    ):
        html = await (await english.get(path)).text()
        assert '<html lang="en">' in html, path
        assert not HANGUL.search(of_pages(html)), f"{path}: {HANGUL.findall(of_pages(html))}"


async def test_refusals_are_english_too(english: Client) -> None:
    for path, fields in (
        ("/admin/users", {"name": "", "role": "viewer"}),
        ("/admin/users", {"name": "x", "role": "viewer", "password": "short"}),
        ("/admin/account/password", {"current": "wrong"}),
        ("/admin/account/language", {"language": "x"}),
        ("/admin/searches", {"name": "", "q": "hello"}),
        ("/admin/searches", {"name": "x", "q": "x" * 801}),
        ("/admin/searches/99/delete", {}),
        ("/admin/alerts/nothing/silence", {}),
        ("/admin/alerts/model_gone/silence", {"hours": "9"}),
        ("/admin/alerts/model_gone/acknowledge", {}),
        ("/admin/dead-letters/send-again", {"state": "x"}),
        ("/admin/dead-letters/orders/99/stop", {}),
        ("/admin/turns/x/send-again", {}),
    ):
        response = await send(english, path, **fields)
        assert response.status >= 400
        assert not HANGUL.search(of_pages(await response.text())), path


@pytest.mark.parametrize("q", ["status:failed", "상태:실패", '상태:"실패"', "status:Failed"])
async def test_the_search_box_reads_both_languages(
    english: Client, operator: Client, database: AsyncEngine, q: str
) -> None:
    await add_turn(database, "Which one?", None, status="failed")
    await add_turn(database, "Another?", key="b")
    clients = [english] if q.endswith("Failed") else [english, operator]
    for client in clients:
        response = await client.get("/admin/", params={"q": q})
        html = await response.text()
        assert response.status == 200
        assert "Which one?" in html
        assert "Another?" not in html


async def test_suggestions_are_english_with_korean_names_understood(english: Client) -> None:
    for token in ("status:", "상태:"):
        response = await english.get("/admin/search/suggestions", params={"token": token})
        found = {one["text"]: one["label"] for one in await response.json()}
        assert found[f"{token}failed"] == "Failed"
        assert not HANGUL.search("".join(found.values()))


async def test_the_language_is_the_users_on_every_browser_and_written_down(
    english: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    other = await start_admin(database)
    shown = await log_in(other, user="kim")
    html = await (await other.get(shown.headers["Location"])).text()
    assert '<html lang="en">' in html
    assert [row.details for row in await logged(database) if row.action == "language_changed"] == [
        '{"language": "en"}'
    ]


async def test_one_users_language_is_not_the_next_ones_on_the_same_connection(
    english: Client, start_admin: StartAdmin, database: AsyncEngine
) -> None:
    korean = await start_admin(database)
    await log_in(korean)
    cookies = [
        next(one.value for one in client.session.cookie_jar if one.key == "bllossom_admin")
        for client in (korean, english)
    ]
    korean.session.cookie_jar.clear()
    tags = []
    for cookie in cookies * 3:
        sent = {"Cookie": f"bllossom_admin={cookie}", "Accept-Language": "ko"}
        html = await (await korean.get("/admin/", headers=sent)).text()
        korean.session.cookie_jar.clear()
        tags += re.findall('<html lang="(..)">', html)
    assert tags == ["ko", "en"] * 3
