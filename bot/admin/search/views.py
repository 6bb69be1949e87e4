"""The search box's helpers."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from bot.admin.search.fields import all_fields
from bot.admin.search.occurring_values import occurring_values
from bot.admin.search.suggestions import suggest
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web.pages import DATABASE


async def show_suggestions(request: web.Request) -> web.StreamResponse:
    """GET /admin/search/suggestions?token=: completions as JSON, for the box's script."""
    messengers = request.app[MESSENGER_LABELS]
    fields = all_fields(messengers)
    occurring = partial(occurring_values, request.app[DATABASE])
    found = await suggest(request.query.get("token", ""), fields, occurring)
    return web.json_response([suggestion.json() for suggestion in found])
