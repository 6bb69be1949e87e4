"""The guides' checks, run by a shell as written, behind a proxy as the guides set it up."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from tests.integration.docs.shell import blocks, run
from tests.support.stack import KAKAO_SECRET, SLACK_SECRET, Stack, running_stack, served

HOST = "https://bot.example.com"
PLACEHOLDERS = {
    "kakao.ko.md": ("만든값", KAKAO_SECRET),
    "kakao.md": ("YOUR-SECRET", KAKAO_SECRET),
    "slack.ko.md": ("복사한값", SLACK_SECRET),
    "slack.md": ("COPIED-SECRET", SLACK_SECRET),
}
every_guide = pytest.mark.parametrize("guide", PLACEHOLDERS)


def proxied_prefix(guide: str) -> str:
    """The only path that the guide's Caddyfile passes on, to the bot's default address."""
    [caddyfile] = blocks(guide, "caddyfile")
    assert caddyfile.startswith("bot.example.com {\n")
    assert "reverse_proxy 127.0.0.1:8080\n" in caddyfile
    assert "\trespond 404\n" in caddyfile
    [prefix] = re.findall(r"handle (/\S+/)\* \{", caddyfile)
    return str(prefix)


@asynccontextmanager
async def proxy(bot: str, prefix: str) -> AsyncIterator[str]:
    """Passes requests below ``prefix`` to the bot; everything else is 404."""

    async def forward(request: web.Request) -> web.Response:
        if not request.path.startswith(prefix):
            return web.Response(status=404)
        async with (
            ClientSession() as client,
            client.request(
                request.method,
                bot + request.path_qs,
                data=await request.read(),
                headers=request.headers,
            ) as answer,
        ):
            body = await answer.read()
            return web.Response(
                status=answer.status, body=body, content_type=answer.content_type, charset="utf-8"
            )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def guided(
    guide: str, database_url: str, redis_url: str
) -> AsyncIterator[tuple[list[str], Stack]]:
    """The guide's shell blocks for a running bot, with its address and secret filled in."""
    placeholder, secret = PLACEHOLDERS[guide]
    async with (
        served() as (_, engine),
        running_stack(
            database_url, redis_url, engine, slack_response_hosts=("hooks.slack.com",)
        ) as stack,
        proxy(stack.url, proxied_prefix(guide)) as public,
    ):
        scripts = [
            block.replace(HOST, public).replace(placeholder, secret)
            for block in blocks(guide, "bash")
        ]
        yield scripts, stack


@every_guide
async def test_the_checks_of_the_guide_pass_on_a_bot_that_is_set_up(
    guide: str, database_url: str, redis_url: str
) -> None:
    async with guided(guide, database_url, redis_url) as ((reached, called), stack):
        assert (await run(reached)).split() == ["401", "404"]
        said = await run(called)
        if guide.startswith("kakao"):
            helped, answered = (json.loads(line) for line in said.replace("}{", "}\n{").split("\n"))
            assert "AI" in json.dumps(helped, ensure_ascii=False)
            assert "template" in answered
            assert [turn.text for turn in await stack.rows("SELECT text FROM turns")] == [
                "서울의 유명한 관광 코스를 만들어줄래?"
            ]
        else:
            assert stack.configuration.settings.language == "ko"
            assert "도움말" in json.loads(said)["text"]


@every_guide
async def test_the_checks_of_the_guide_fail_with_another_secret(
    guide: str, database_url: str, redis_url: str
) -> None:
    async with guided(guide, database_url, redis_url) as ((_, called), stack):
        said = await run(called.replace(PLACEHOLDERS[guide][1], "another"))
        assert "template" not in said
        assert "도움말" not in said
        assert not await stack.rows("SELECT 1 FROM turns")
