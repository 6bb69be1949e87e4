"""The page's switch for the model: only in the local run, only from its own page."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.simulator.app import create_simulator
from bot.simulator.model_switch import ModelState, ModelSwitch
from fakes.faults import serving


def simulator(switch: ModelSwitch) -> web.Application:
    app = web.Application()
    app.add_subapp("/simulator", create_simulator([], switch))
    return app


async def turn(origin: str, state: str, sender: str = "") -> int:
    url, headers = f"{origin}/simulator/model/{state}", {"Origin": sender or origin}
    async with aiohttp.ClientSession() as client, client.post(url, headers=headers) as response:
        return response.status


async def page(origin: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(f"{origin}/simulator") as response:
        return await response.text()


async def test_switch_is_shown_and_turned_in_the_local_run(tmp_path: Path) -> None:
    switch = ModelSwitch.of(tmp_path)
    switch.set(ModelState.SLOW)
    async with serving(simulator(switch)) as origin:
        assert '<option value="slow" selected>' in await page(origin)
        assert await turn(origin, "dead") == 204
        assert switch.state is ModelState.DEAD
        assert await turn(origin, "asleep") == 404
        assert await turn(origin, "works", "http://evil.example") == 403
        assert switch.state is ModelState.DEAD


@pytest.mark.parametrize("state", [*ModelState])
async def test_elsewhere_there_is_no_switch(tmp_path: Path, state: str) -> None:
    switch = ModelSwitch.of(tmp_path)
    async with serving(simulator(switch)) as origin:
        assert 'id="model"' not in await page(origin)
        assert await turn(origin, state) == 409
    assert switch.state is None
