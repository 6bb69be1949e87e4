"""What tests do on the pages of the bot settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.bot_config import Scope
from bot.store import bot_configs
from tests.support.admin import Client, send

ROOM = {"messenger": "slack", "tenant": "T1", "room": "C1"}
PAGES = "/admin/bot-settings"


async def publish_past_the_pages(
    database: AsyncEngine, scope: tuple[str, ...], values: Mapping[str, object]
) -> int:
    """A new version, as the command line makes it."""
    engine = database.execution_options(isolation_level="READ COMMITTED")
    async with engine.begin() as connection:
        await bot_configs.lock(connection)
        return await bot_configs.add(connection, Scope(*scope), values, author="kim")


async def shown(client: Client, page: str = "scope", **query: str) -> str:
    """A page about the room."""
    response = await client.get(f"{PAGES}/{page}", params=ROOM | query)
    html = await response.text()
    assert response.status == 200, html
    return html


def hidden(html: str, name: str) -> str:
    """The value of a hidden field; of several, the last."""
    found = re.findall(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no hidden field {name}"
    return str(found[-1])


async def save_draft(client: Client, scope: Mapping[str, str] = ROOM, **typed: str) -> int:
    """Type into the form of a scope and save it; the status."""
    html = await shown(client, **scope)
    fields = {"base": hidden(html, "base"), "revision": hidden(html, "revision"), **scope, **typed}
    return (await send(client, f"{PAGES}/draft", **fields)).status


async def publish(
    client: Client, note: str = "더 공손하게", scope: Mapping[str, str] = ROOM, **changed: str
) -> tuple[int, str]:
    """Publish the draft from the page of its differences; the status and the page."""
    html = await shown(client, "compare", **scope)
    fields = {name: hidden(html, name) for name in ("owner", "revision")}
    response = await send(client, f"{PAGES}/publish", note=note, **scope, **(fields | changed))
    return response.status, await response.text()
