"""``doctor --url``: a real bot behind real TLS, asked as a messenger's platform asks."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from bot.app import create_app
from bot.configuration import Configuration
from bot.doctor.examination import Report
from bot.doctor.public_url import PublicUrlCheck, Reply, _judge, check_webhook
from bot.domain.webhook_probe import WebhookProbe
from tests.support.stack import GENERIC_SECRET, configuration, settings_for
from tests.support.tls import Authority, ServerCertificate

NOWHERE = ("postgresql://127.0.0.1:1/none", "redis://127.0.0.1:1/0")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this process trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    return authority


@asynccontextmanager
async def served(app: web.Application, certificate: ServerCertificate | None) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        context = certificate.context() if certificate else None
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port = runner.addresses[0][1]
        yield f"http{'s' if certificate else ''}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def configured(**changes: Any) -> Configuration:
    return settings_for(*NOWHERE, **{"generic_secret": GENERIC_SECRET, **changes})


async def report_on(url: str, settings: Configuration) -> tuple[int, list[str]]:
    lines: list[str] = []
    report = Report(lambda text: lines.append(text.strip()))
    async for finding in PublicUrlCheck(settings).check(url):
        report.add(finding)
    return report.close(), lines


def about(lines: list[str], word: str) -> str:
    [line] = [line for line in lines if word in line]
    return line


async def test_a_bot_that_is_reached_as_it_should_be_is_praised(authority: Authority) -> None:
    settings = configured(admin_behind_proxy=True)
    async with served(create_app(settings), authority.server()) as url:
        status, lines = await report_on(url, settings)
    until = (datetime.now(UTC) + timedelta(days=60, hours=1)).date().isoformat()
    assert lines[0] == f"ok  The certificate of 127.0.0.1 is valid until {until} (60 days)."
    for label in ("KakaoTalk", "Slack", "Generic webhook"):
        assert f"ok  {label}: a request without the secret is refused (401)." in lines
        assert any(f"{label}: the help command is answered in" in line for line in lines)
    assert (status, lines[-1]) == (0, "Nothing is wrong.")


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda a: a.self_signed(), "TLS: the certificate is self-signed: nobody else trusts it."),
        (lambda a: a.server(last_day=-1, first_day=-9), "the certificate has expired: renew it."),
        (lambda a: a.server(first_day=5), "TLS: the certificate is not valid yet"),
        (lambda a: a.server("other.example"), "TLS: the certificate is for another"),
    ],
)
async def test_a_certificate_that_platforms_refuse_is_named_and_gets_no_secret(
    authority: Authority, make: Callable[[Authority], ServerCertificate], cause: str
) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with served(app, make(authority)) as url:
        status, lines = await report_on(url, configured())
    assert lines[0].startswith("WRONG")
    assert cause in lines[0]
    assert lines[1].endswith("secrets are sent only over verified TLS.")
    assert (status, asked) == (1, [])


async def test_an_authority_that_nobody_knows_is_named(
    tmp_path: Path, authority: Authority
) -> None:
    (tmp_path / "other").mkdir()
    unknown = Authority(tmp_path / "other")
    async with served(web.Application(), unknown.server()) as url:
        _, lines = await report_on(url, configured())
    assert "the certificate's issuer is not known: is the chain complete" in lines[0]


@pytest.mark.parametrize(("days", "line"), [(3, "WRONG"), (14, "hint"), (40, "ok")])
async def test_a_certificate_that_ends_soon_is_told(
    authority: Authority, days: int, line: str
) -> None:
    settings = configured(admin_behind_proxy=True)
    async with served(create_app(settings), authority.server(last_day=days)) as url:
        status, lines = await report_on(url, settings)
    assert lines[0].startswith(line)
    assert f"({days} days)" in lines[0]
    assert status == (line == "WRONG")
    assert about(lines, "Slack: the help command")  # TLS still holds, so the rest is tried


async def test_another_secret_than_the_bots_is_told(authority: Authority) -> None:
    theirs = configured(
        kakao_secret="k" * 40, slack_signing_secret="s" * 40, generic_secret="g" * 40
    )
    async with served(create_app(theirs), authority.server()) as url:
        status, lines = await report_on(url, configured(admin_behind_proxy=True))
    assert status == 1
    for name in ("BOT_KAKAO_SECRET", "BOT_SLACK_SIGNING_SECRET", "BOT_GENERIC_SECRET"):
        assert f"refuses the {name} of this machine" in about(lines, name)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda: web.Response(status=502), "does not reach the bot (502): is it running?"),
        (lambda: web.Response(status=404), "answers 404: does the proxy pass /webhooks/kakao on"),
        (lambda: web.Response(status=403), "answers 403: a proxy or a firewall refuses it."),
        (lambda: web.Response(text="hello"), "takes a request without the secret"),
        (
            lambda: web.Response(status=308, headers={"Location": "https://www.example/"}),
            "redirects to https://www.example/: give the address that answers itself.",
        ),
    ],
)
async def test_what_answers_in_place_of_the_bot_is_told(
    authority: Authority, answer: Callable[[], web.Response], sentence: str
) -> None:
    async def handle(_: web.Request) -> web.Response:
        return answer()

    app = web.Application()
    app.router.add_route("*", "/webhooks/{path:.*}", handle)
    async with served(app, authority.server()) as url:
        status, lines = await report_on(url, configured())
    assert status == 1
    assert sentence in about(lines, "KakaoTalk")


async def test_a_proxy_without_its_setting_is_told(authority: Authority) -> None:
    settings = configured()
    async with served(create_app(settings), authority.server()) as url:
        status, lines = await report_on(url, settings)
    assert status == 1
    assert "BOT_ADMIN_BEHIND_PROXY is off" in about(lines, "BOT_ADMIN_BEHIND_PROXY")
    assert lines[-1] == "1 problem to fix."


async def test_a_simulator_in_the_open_is_told(authority: Authority) -> None:
    settings = configured(admin_behind_proxy=True, simulator=True)
    async with served(create_app(settings), authority.server()) as url:
        status, lines = await report_on(url, settings)
    assert status == 1
    assert "/simulator is open to everybody" in about(lines, "simulator")


async def test_what_only_this_machine_reaches_is_not_called_open() -> None:
    settings = configured(simulator=True)
    async with served(create_app(settings), None) as url:
        status, lines = await report_on(url, settings)
    assert (status, lines[-1]) == (0, "Nothing is wrong.")


async def test_plain_http_beyond_this_machine_gets_no_secret() -> None:
    status, lines = await report_on("http://bot.example.com", configured())
    assert lines[0] == "WRONG  http://bot.example.com has no TLS: messengers need https://."
    assert status == 1


@pytest.mark.parametrize("url", ["bot.example.com", "ftp://", "https://", "not a url"])
async def test_what_is_no_address_is_told(url: str) -> None:
    status, lines = await report_on(url, configured())
    assert (status, lines[0]) == (1, f"WRONG  --url {url}: https://HOST is meant.")


async def test_an_answer_after_the_limit_is_told() -> None:
    [kakao, *_] = configured().messengers
    probe = kakao.probe()
    assert probe
    signed_arrived = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if "X-Bot-Secret" not in request.headers:
            return web.Response(status=401)
        signed_arrived.set()
        await asyncio.sleep(0.05)
        return web.json_response({"version": "2.0"})

    app = web.Application()
    app.router.add_post("/webhooks/kakao", slow)
    async with served(app, None) as url, ClientSession() as http:
        hasty = dataclasses.replace(probe, limit_s=0.04)
        _, latency = await check_webhook(http, URL(url), hasty)
    assert signed_arrived.is_set()
    assert latency.verdict == "WRONG"
    assert "too late: KakaoTalk waits 0.04 s" in latency.sentence


@pytest.mark.parametrize(
    ("took_s", "line"),
    [
        (0.12, "ok: Slack: the help command is answered in 0.12 s (Slack waits 3 s)."),
        (2.0, "hint: Slack: the help command is answered in 2.00 s; Slack waits 3 s, so little"),
        (3.5, "WRONG: Slack: the help command is answered in 3.50 s, too late: Slack waits 3 s."),
    ],
)
def test_the_latency_is_compared_with_the_platforms_limit(took_s: float, line: str) -> None:
    probe = WebhookProbe(
        label="Slack",
        path="/",
        body=b"",
        content_type="text/plain",
        secret_headers={},
        secret_setting="BOT_SLACK_SIGNING_SECRET",
        limit_s=3.0,
    )
    finding = _judge(Reply(200, took_s, is_json=True), URL("https://bot.example"), probe)
    assert f"{finding.verdict}: {finding.sentence}".startswith(line)


def test_no_probe_without_a_secret() -> None:
    assert [messenger.probe() for messenger in configuration().messengers] == [None] * 3
