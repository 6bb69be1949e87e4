"""Pages are rendered in slices: the loop serves messengers between two of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler

#: Seconds that a page may take of the loop at once. A list takes ten to twenty slices.
SLICE_S = 0.001


class Page(web.Response):
    """A template and its values; ``rendered`` makes the HTML of them."""

    def __init__(self, template: jinja2.Template, values: Mapping[str, Any], status: int) -> None:
        super().__init__(status=status, content_type="text/html", charset="utf-8")
        self._template = template
        self._values = values

    async def render(self) -> None:
        """Make the HTML. Raises the errors of the template."""
        loop = asyncio.get_running_loop()
        pieces, began = [], loop.time()
        for piece in self._template.generate(self._values):
            pieces.append(piece)
            if loop.time() - began > SLICE_S:
                await asyncio.sleep(0)
                began = loop.time()
        self.text = "".join(pieces)


def page_of(
    request: web.Request, template: str, values: Mapping[str, Any], *, status: int
) -> web.Response:
    """The page of a template, to be rendered on its way out."""
    return Page(aiohttp_jinja2.get_env(request.app).get_template(template), values, status)


@web.middleware
async def rendered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render what a view or the error pages answer."""
    response = await handler(request)
    if isinstance(response, Page):
        await response.render()
    return response
