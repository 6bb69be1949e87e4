"""No page leads its reader to a page or a button that the reader may not use."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from tests.support.admin import StartAdmin, add_user, log_in, send
from tests.support.admin_pages import PAGES, add_everything

NO_RIGHT = "볼 권한이 없습니다"
#: The settings are shown in their form, whose fields and buttons are off.
READ_ONLY = {"/admin/bot-settings/draft"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
async def test_no_page_leads_where_its_reader_may_not_go(
    start_admin: StartAdmin, database: AsyncEngine, role: Role
) -> None:
    ids = await add_everything(database)
    await add_user(database, "somebody", role)
    client = await start_admin(database)
    await log_in(client, user="somebody")
    links, forms = dict[str, str](), dict[str, str]()
    for page in PAGES.values():
        address = "/admin" + page.address.format_map(ids)
        response = await client.get(address, allow_redirects=False)
        if response.status == 200:
            html = await response.text()
            links |= dict.fromkeys(_addresses(html, r'<a[^>]*?\bhref="(/admin[^"]*)"'), address)
            forms |= dict.fromkeys(_addresses(html, _POSTED), address)
    assert len(links) > 20
    found = []
    for link, address in links.items():
        response = await client.get(link, allow_redirects=False)
        if response.status >= 400:
            found.append(f"{address} leads to {link}: {response.status}")
    for action in forms.keys() - READ_ONLY - {"/admin/logout"}:
        refused = NO_RIGHT in await (await send(client, action)).text()
        found += [f"{forms[action]} has a form for {action}"] if refused else []
    assert not found, "\n".join(found)


_POSTED = r'<form[^>]*?method="post"[^>]*?\baction="(/admin[^"]*)"'


def _addresses(html: str, pattern: str) -> set[str]:
    return {unescape(found).split("#")[0] for found in re.findall(pattern, html)}
