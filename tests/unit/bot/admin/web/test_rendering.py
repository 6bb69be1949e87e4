"""A page that takes long leaves the loop to others."""

from __future__ import annotations

import asyncio
import time

import jinja2
import pytest

from bot.admin.web.rendering import SLICE_S, Page


def slow() -> str:
    time.sleep(SLICE_S)
    return "<"


async def test_the_loop_goes_on_while_a_page_is_rendered() -> None:
    environment = jinja2.Environment(autoescape=True)
    template = environment.from_string("{% for _ in range(50) %}<p>{{ slow() }}</p>{% endfor %}")
    page = Page(template, {"slow": slow}, 200)
    rendering = asyncio.create_task(page.render())
    turns = 0
    while not rendering.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 25
    assert page.text == "<p>&lt;</p>" * 50
    assert page.content_type == "text/html"


async def test_a_fault_of_a_template_is_raised() -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    with pytest.raises(jinja2.UndefinedError):
        await Page(environment.from_string("{{ missing }}"), {}, 200).render()
