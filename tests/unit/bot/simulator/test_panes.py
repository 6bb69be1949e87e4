"""The simulator knows messengers only by the panes that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.messengers.kakao.simulator_pane import KakaoPane
from bot.messengers.slack.simulator_pane import SlackPane
from bot.simulator.app import create_simulator
from bot.simulator.pane import PaneFactory, SimulatorPane
from bot.simulator.webhook_client import WebhookClient
from fakes.faults import serving


class PigeonPane:
    name = "pigeon"
    assets = Path("no-such-folder")
    missing_setting = ""
    page_context: Mapping[str, object] = {}

    def __init__(self, _client: WebhookClient) -> None:
        pass

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/pigeon/loft", self._land)]

    async def _land(self, _request: web.Request) -> web.Response:
        return web.Response(text="landed")


def simulator(*panes: PaneFactory) -> web.Application:
    app = web.Application()
    app.add_subapp("/simulator", create_simulator(panes))
    return app


async def test_a_pane_brings_its_platform_endpoints() -> None:
    async with (
        serving(simulator(PigeonPane)) as origin,
        aiohttp.ClientSession() as client,
        client.post(f"{origin}/simulator/pigeon/loft") as response,
    ):
        assert await response.text() == "landed"


async def test_without_a_pane_there_are_no_endpoints_of_its_messenger() -> None:
    async with serving(simulator(PigeonPane)) as origin, aiohttp.ClientSession() as client:
        for path in ("kakao/messages", "slack/messages", "kakao/callback/x", "slack/response/x"):
            async with client.post(f"{origin}/simulator/{path}") as response:
                assert response.status == 404


def kakao(base_url: Callable[[], str]) -> PaneFactory:
    return partial(KakaoPane, secret="", base_url=base_url)


def slack(base_url: Callable[[], str]) -> PaneFactory:
    return partial(SlackPane, signing_secret="", base_url=base_url)


@pytest.mark.parametrize(
    ("pane", "path", "setting"),
    [
        (kakao, "kakao/messages", "BOT_KAKAO_SECRET"),
        (slack, "slack/messages", "BOT_SLACK_SIGNING_SECRET"),
    ],
)
async def test_a_message_without_the_panes_secret_names_the_setting(
    pane: Callable[[Callable[[], str]], PaneFactory], path: str, setting: str
) -> None:
    origins: list[str] = []
    app = simulator(pane(lambda: origins[0]))
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(app) as origin, aiohttp.ClientSession(cookie_jar=jar) as client:
        origins.append(origin)
        async with client.get(f"{origin}/simulator/events"):
            pass
        async with client.post(
            f"{origin}/simulator/{path}", json={"text": "안녕"}, headers={"Origin": origin}
        ) as response:
            assert response.status == 409
            assert await response.text() == f"{setting}이 설정되지 않았습니다."


def test_the_messengers_panes_fit_the_protocol() -> None:
    client = WebhookClient()
    panes: list[SimulatorPane] = [
        KakaoPane(client, secret="s", base_url=str),
        SlackPane(client, signing_secret="s", base_url=str),
    ]
    assert [pane.missing_setting for pane in panes] == ["", ""]
