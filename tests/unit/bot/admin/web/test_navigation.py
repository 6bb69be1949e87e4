"""The menu shows to everybody what he may open, and nothing else."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.app import create_admin
from bot.admin.login.access import rule_for
from bot.admin.web.navigation import SECTIONS
from bot.settings import Settings
from tests.support.admin import HASHED, no_workers


async def test_an_entry_is_shown_to_those_whom_its_route_lets_in(unreachable: AsyncEngine) -> None:
    app = create_admin(Settings(admin_password=HASHED), unreachable, {}, workers=no_workers())
    web.Application().add_subapp("/admin/", app)
    views = {
        route.resource.name: route.handler
        for route in app.router.routes()
        if route.method == "GET" and route.resource
    }
    for entry in (entry for section in SECTIONS for entry in section.entries):
        rule = rule_for(views[entry.route])
        assert rule
        assert rule.role is entry.role, entry
