"""The lines of docs/security.md that need the whole product."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot import app_keys
from bot.conversation.settlement_waiters import MAX_WAITING
from bot.domain.turns import Person
from bot.http import body
from fakes.kakao import skill_request
from fakes.slack import signed_command
from runtime.database import connect_database
from tests.fuzz.requests import request as raw_request
from tests.fuzz.target import Target, running_target
from tests.support.stack import (
    ADMIN_HASH,
    ADMIN_PASSWORD,
    KAKAO_SECRET,
    SLACK_SECRET,
    SLACK_TOKEN,
    Stack,
    running_stack,
)

SECRET = {"X-Bot-Secret": KAKAO_SECRET}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(module_database_url: str, valkey_url: str) -> AsyncIterator[Stack]:
    """A bot without any worker: nothing is ever answered."""
    async with running_stack(
        module_database_url, valkey_url, simulator=True, kakao_sync_budget_s=0.3
    ) as running:
        yield running


# --- oversized, slow, many ---------------------------------------------------


async def trickled(stack: Stack, path: str, headers: dict[str, str]) -> int:
    """The status for a body of which one byte comes and the rest never does."""
    line = stack.url.partition("://")[2].partition(":")
    reader, writer = await asyncio.open_connection(line[0], int(line[2]))
    told = [(name.encode(), shown.encode()) for name, shown in headers.items()]
    writer.write(raw_request("POST", path, [*told, (b"Content-Length", b"100")], b"{"))
    try:
        async with asyncio.timeout(30):
            return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def test_a_body_that_trickles_in_is_given_up(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_S", 0.3)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    own = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    statuses = await asyncio.gather(
        trickled(stack, "/webhooks/kakao", SECRET),
        trickled(stack, "/webhooks/slack/commands", form),
        trickled(stack, "/webhooks/slack/events", {}),
        trickled(stack, "/admin/login", form | {"Cookie": "bllossom_admin_login=x"}),
        trickled(stack, "/simulator/kakao/messages", own),
        trickled(stack, "/simulator/kakao/callback/x", {}),
    )
    assert set(statuses) == {408}


@pytest.mark.parametrize(("cookies", "status"), [(180, 200), (1_000, 431)])
async def test_more_cookies_than_a_browser_sends_are_refused(
    stack: Stack, cookies: int, status: int
) -> None:
    header = {"Cookie": "; ".join(f"{n}=" for n in range(cookies))}
    for path in ("/admin/login", "/simulator", "/healthz"):
        async with stack.http.get(stack.url + path, headers=header) as response:
            assert response.status == status


async def test_over_the_bound_of_waiting_webhooks_nobody_waits(stack: Stack) -> None:
    waiters = stack.app[app_keys.WAITERS]
    people = [Person(messenger="kakao", tenant="", sender=f"{n}") for n in range(MAX_WAITING)]
    crowd = [asyncio.create_task(waiters.wait(uuid4(), 60, person=one)) for one in people]
    try:
        await asyncio.sleep(0)
        url = stack.kakao.new_callback_url()
        assert (await stack.say_kakao("콜백", callback_url=url)).will_call_back
        assert (await stack.say_kakao("버튼", user="영희")).button["label"] == "답변 확인"
    finally:
        for waiting in crowd:
            waiting.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_strangers_make_no_new_counters(stack: Stack) -> None:
    for path in ("/webhooks/stranger-1", "/webhooks/kakao/stranger-2", "/webhooks/slack/stranger"):
        assert (await stack.post(path, b"{}", {})).status == 404
    assert (await stack.get("/webhooks/kakao")).status == 405
    assert "stranger" not in (await stack.get("/metrics")).body
    assert 'messenger="kakao",status="500"' not in (await stack.get("/metrics")).body


# --- what is told, and to whom -----------------------------------------------


async def test_metrics_and_readyz_tell_of_nobody_and_no_secret(stack: Stack) -> None:
    callback = stack.kakao.new_callback_url()
    await stack.say_kakao("비밀스러운 말", user="비밀스러운 사람", callback_url=callback)
    await stack.say_slack("secret words", user_id="USECRETPERSON")
    [turn] = await stack.rows("SELECT id FROM turns WHERE text = 'secret words'")
    told = f"{(await stack.get('/metrics')).body}{(await stack.get('/readyz')).body}"
    user = skill_request("", "비밀스러운 사람")["userRequest"]["user"]["id"]
    hosts = [
        stack.configuration.settings.database_url.get_secret_value().partition("://")[2],
        stack.configuration.settings.redis_url.get_secret_value().partition("://")[2],
    ]
    hidden = ["비밀", "secret words", "USECRETPERSON", user, str(turn.id), callback, *hosts]
    for word in [*hidden, KAKAO_SECRET, SLACK_SECRET, ADMIN_HASH, "Traceback"]:
        assert word not in told, word


async def test_the_simulator_is_off_unless_it_is_switched_on(
    module_database_url: str, valkey_url: str
) -> None:
    async with running_stack(module_database_url, valkey_url) as closed:
        for path in ("/simulator", "/simulator/", "/simulator/events", "/simulator/static/page.js"):
            assert (await closed.get(path)).status == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("[::1].evil.example", 421),
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("localhost:8080", 200),
        ("[::1]:8080", 200),
        ("[::ffff:127.0.0.1]:8080", 200),
        ("10.1.2.3:8080", 200),
        ("bot:8080", 200),
    ],
)
async def test_the_simulator_answers_to_no_name_a_stranger_could_own(
    stack: Stack, host: str, status: int
) -> None:
    for path in ("/simulator", "/simulator/static/page.js"):
        async with stack.http.get(stack.url + path, headers={"Host": host}) as response:
            assert response.status == status
    own = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    url = f"{stack.url}/simulator/kakao/messages"
    async with stack.http.post(url, data=b'{"text": "x"}', headers=own) as response:
        # Without a session even the page itself goes no further.
        assert response.status == (409 if status == 200 else 421)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "한글", "http://evil"])
async def test_a_broken_origin_is_a_foreign_one(stack: Stack, origin: str) -> None:
    url = f"{stack.url}/simulator/events"
    async with stack.http.get(url, headers={"Origin": origin}) as response:
        assert response.status == 403


# --- the log -----------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talkative(
    second_module_database_url: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Target]:
    """The bot's own process, saying as much as it can."""
    folder = tmp_path_factory.mktemp("talkative")
    async with running_target(
        second_module_database_url, valkey_url, folder, BOT_LOG_LEVEL="DEBUG"
    ) as target:
        yield target


async def sent_raw(target: Target, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    writer.write(raw)
    await asyncio.wait_for(reader.readline(), 30)
    writer.close()


FORGED = 'x\n{"event": "forged", "level": "info"}\r\n\x1b[2J'


async def say_everything(target: Target, words: str) -> list[str]:
    """Take every way in with these words; what besides them must stay out of the log."""
    callback = f"{target.callback_origin}/callback?token=t0ken-of-callback"
    response_url = f"{target.response_origin}/commands/t0ken-of-response"
    skill = skill_request(words, callback_url=callback)
    odd = skill_request(words, callback_url=f"https://evil.example/{FORGED}")
    odd["userRequest"]["user"]["id"] = odd["bot"]["id"] = FORGED
    body, headers = signed_command(SLACK_SECRET, words, response_url=response_url)
    form = {"user": words, "password": "wr0ng-password", "csrf": "t0ken-of-form"}
    async with ClientSession(target.origin, cookie_jar=CookieJar(unsafe=True)) as http:
        await http.post("/webhooks/kakao", json=skill, headers=SECRET)
        await http.post("/webhooks/kakao", json=odd, headers=SECRET)
        await http.post("/webhooks/kakao", json=skill, headers={"X-Bot-Secret": "wr0ng-secret"})
        await http.post("/webhooks/slack/commands", data=body, headers=headers)
        await http.post("/webhooks/slack/commands", data=body + b"&x", headers=headers)
        await http.post("/admin/login", data=form)
        cookie = {"Cookie": target.operator}
        await http.get("/admin/", params={"q": words}, headers=cookie)
        await http.get(f"/admin/{words}", headers=cookie)
        visitor = {"Cookie": target.visitor, "Origin": target.origin}
        for pane in ("kakao", "slack"):
            await http.post(f"/simulator/{pane}/messages", json={"text": words}, headers=visitor)
    secret, spoken = KAKAO_SECRET.encode(), words.encode()
    await sent_raw(target, b"POST /x HTTP/1.1\r\nX-Bot-Secret: \x00%s\r\n\r\n" % secret)
    await sent_raw(target, b"%s %s HTTP/1.1\r\n\r\n" % (spoken, spoken))
    chunks = [(b"Transfer-Encoding", b"chunked"), (b"X-Bot-Secret", secret)]
    await sent_raw(target, raw_request("POST", "/webhooks/kakao", chunks, spoken + b"\r\n"))
    given = [str(headers["X-Slack-Signature"]), target.operator.partition("=")[2], target.csrf]
    return [*given, target.visitor.partition("=")[2], "t0ken", "wr0ng", "evil.example/"]


async def delivered(target: Target) -> str:
    """The log, once every turn has reached its end."""
    async with asyncio.timeout(60):
        while True:
            await asyncio.sleep(0.1)
            log = target.log.read_text("utf-8")
            received, settled = log.count('"turn_received"'), log.count('"turn_settled"')
            # The callback and the response URL; what is held waits for its button.
            if 0 < received <= settled and log.count('"turn_delivery"') >= 2:
                return log


async def test_no_log_line_holds_a_secret_or_what_people_say(talkative: Target) -> None:
    words = "주민번호-아무에게도-말하지-마"
    given = await say_everything(talkative, words)
    log = await delivered(talkative)
    assert "turn_settled" in log
    escaped = json.dumps(words)[1:-1]
    for hidden in [words, escaped, KAKAO_SECRET, SLACK_SECRET, SLACK_TOKEN, ADMIN_PASSWORD, *given]:
        assert hidden not in log, hidden


async def test_forged_log_lines_stay_inside_their_field(talkative: Target) -> None:
    await say_everything(talkative, FORGED)
    entries = [json.loads(line) for line in (await delivered(talkative)).splitlines()]
    assert len(entries) > 20
    assert "forged" not in {entry["event"] for entry in entries}
    assert not talkative.complaints()


async def test_the_error_of_a_statement_hides_its_values(module_database_url: str) -> None:
    engine = connect_database(module_database_url, pool_size=1)
    statement = text("SELECT 1 / (CASE CAST(:words AS text) WHEN '' THEN 1 ELSE 0 END)")
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as error:
            await connection.execute(statement, {"words": "아무에게도 말하지 마"})
    await engine.dispose()
    assert "division by zero" in str(error.value)
    assert "아무에게도" not in str(error.value)
