"""Each role against each route and method, as the router has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.app import create_admin
from bot.admin.login.access import rule_for
from bot.admin.routes import ROUTES
from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.settings import Settings
from tests.support.admin import (
    HASHED,
    Client,
    StartAdmin,
    add_user,
    log_in,
    no_workers,
    send,
)
from tests.support.audit import logged
from tests.support.sample_turns import add_turn, conversation_of

NO_RIGHT = "볼 권한이 없습니다"
PUBLIC = None
#: Who may do what: a new route must be added here, and nowhere is a default.
RULES: dict[tuple[str, str], Role | None] = {
    ("GET", ""): PUBLIC,
    ("GET", "/"): Role.VIEWER,
    ("GET", "/conversations/{id}"): Role.VIEWER,
    ("POST", "/conversations/{id}/unmask"): Role.ADMIN,
    ("POST", "/conversations/{id}/mask"): Role.ADMIN,
    ("GET", "/people/{key}"): Role.VIEWER,
    ("GET", "/rooms/{key}"): Role.VIEWER,
    ("GET", "/turns/{id}"): Role.VIEWER,
    ("GET", "/turns/{id}/prompt"): Role.VIEWER,
    ("GET", "/turns/{id}/texts/{name}"): Role.VIEWER,
    ("GET", "/turns/{id}/request"): Role.ADMIN,
    ("GET", "/turns/{id}/pictures/{number}"): Role.ADMIN,
    ("POST", "/turns/{id}/send-again"): Role.ADMIN,
    ("GET", "/search/suggestions"): Role.VIEWER,
    ("POST", "/searches"): Role.VIEWER,
    ("GET", "/people/{key}/rights"): Role.ADMIN,
    ("POST", "/people/{key}/block"): Role.ADMIN,
    ("POST", "/people/{key}/unblock"): Role.ADMIN,
    ("POST", "/people/{key}/erase"): Role.ADMIN,
    ("POST", "/people/{key}/download"): Role.ADMIN,
    ("GET", "/blocked"): Role.ADMIN,
    ("POST", "/blocked/unblock"): Role.ADMIN,
    ("GET", "/erasures"): Role.ADMIN,
    ("GET", "/erasures/{id}"): Role.ADMIN,
    ("GET", "/retention"): Role.ADMIN,
    ("POST", "/retention"): Role.ADMIN,
    ("POST", "/retention/delete"): Role.ADMIN,
    ("GET", "/charts"): Role.VIEWER,
    ("GET", "/charts/{name}"): Role.VIEWER,
    ("GET", "/evaluations"): Role.VIEWER,
    ("GET", "/evaluations/{id}"): Role.VIEWER,
    ("GET", "/evaluations/{id}/pairs"): Role.REVIEWER,
    ("POST", "/evaluations/{id}/delete"): Role.ADMIN,
    ("GET", "/live"): Role.VIEWER,
    ("GET", "/live/events"): Role.VIEWER,
    ("GET", "/workers"): Role.VIEWER,
    ("GET", "/alerts"): Role.VIEWER,
    ("POST", "/alerts/{name}/acknowledge"): Role.ADMIN,
    ("POST", "/alerts/{name}/silence"): Role.ADMIN,
    ("GET", "/dead-letters"): Role.VIEWER,
    ("POST", "/dead-letters/send-again"): Role.ADMIN,
    ("POST", "/dead-letters/orders/{id}/stop"): Role.ADMIN,
    ("POST", "/searches/{id}/delete"): Role.VIEWER,
    ("GET", "/reviews"): Role.VIEWER,
    ("POST", "/reviews"): Role.REVIEWER,
    ("GET", "/reviews/new"): Role.REVIEWER,
    ("GET", "/agreement"): Role.VIEWER,
    ("GET", "/reviews/queues/{id}"): Role.VIEWER,
    ("POST", "/reviews/queues/{id}/next"): Role.REVIEWER,
    ("POST", "/reviews/queues/{id}/state"): Role.REVIEWER,
    ("POST", "/reviews/queues/{id}/delete"): Role.REVIEWER,
    ("GET", "/reviews/turns/{id}"): Role.VIEWER,
    ("POST", "/reviews/turns/{id}"): Role.REVIEWER,
    ("POST", "/reviews/turns/{id}/verdict"): Role.ADMIN,
    ("GET", "/login"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("GET", "/login/code"): PUBLIC,
    ("POST", "/login/code"): PUBLIC,
    ("GET", "/login/oidc"): PUBLIC,
    ("GET", "/login/oidc/callback"): PUBLIC,
    ("POST", "/logout"): Role.VIEWER,
    ("GET", "/account"): Role.VIEWER,
    ("POST", "/account/password"): Role.VIEWER,
    ("POST", "/account/language"): Role.VIEWER,
    ("GET", "/account/second-factor"): Role.VIEWER,
    ("POST", "/account/second-factor"): Role.VIEWER,
    ("POST", "/account/second-factor/confirm"): Role.VIEWER,
    ("POST", "/account/second-factor/off"): Role.VIEWER,
    ("POST", "/account/recovery-codes"): Role.VIEWER,
    ("GET", "/users"): Role.ADMIN,
    ("POST", "/users"): Role.ADMIN,
    ("GET", "/users/{id}"): Role.ADMIN,
    ("POST", "/users/{id}/role"): Role.ADMIN,
    ("POST", "/users/{id}/state"): Role.ADMIN,
    ("POST", "/users/{id}/password"): Role.ADMIN,
    ("POST", "/users/{id}/second-factor"): Role.ADMIN,
    ("GET", "/audit"): Role.ADMIN,
    ("GET", "/audit/report"): Role.ADMIN,
    ("GET", "/exports"): Role.REVIEWER,
    ("POST", "/exports"): Role.REVIEWER,
    ("GET", "/exports/{id}"): Role.REVIEWER,
    ("POST", "/exports/{id}/download"): Role.REVIEWER,
    ("POST", "/exports/{id}/cancel"): Role.REVIEWER,
    ("GET", "/datasets"): Role.REVIEWER,
    ("POST", "/datasets"): Role.REVIEWER,
    ("GET", "/datasets/{id}"): Role.REVIEWER,
    ("GET", "/datasets/{id}/items"): Role.REVIEWER,
    ("POST", "/datasets/{id}/again"): Role.REVIEWER,
    ("POST", "/datasets/{id}/export"): Role.REVIEWER,
    ("POST", "/datasets/{id}/end-check"): Role.REVIEWER,
    ("POST", "/datasets/{id}/delete"): Role.ADMIN,
    ("GET", "/opt-outs"): Role.ADMIN,
    ("POST", "/opt-outs"): Role.ADMIN,
    ("POST", "/opt-outs/{id}/revoke"): Role.ADMIN,
    ("GET", "/replays"): Role.VIEWER,
    ("POST", "/replays"): Role.ADMIN,
    ("GET", "/replays/new"): Role.ADMIN,
    ("GET", "/replays/{id}"): Role.VIEWER,
    ("POST", "/replays/{id}/stop"): Role.ADMIN,
    ("POST", "/replays/{id}/resume"): Role.ADMIN,
    ("GET", "/replays/{id}/compare"): Role.REVIEWER,
    ("POST", "/replays/{id}/compare"): Role.REVIEWER,
    ("POST", "/replays/{id}/reveal"): Role.REVIEWER,
    ("GET", "/replays/{id}/export"): Role.REVIEWER,
    ("GET", "/bot-settings"): Role.VIEWER,
    ("GET", "/bot-settings/scope"): Role.VIEWER,
    ("GET", "/bot-settings/compare"): Role.VIEWER,
    ("GET", "/bot-settings/history"): Role.VIEWER,
    ("POST", "/bot-settings/draft"): Role.REVIEWER,
    ("POST", "/bot-settings/draft/discard"): Role.REVIEWER,
    ("POST", "/bot-settings/draft/move"): Role.REVIEWER,
    ("GET", "/bot-settings/sandbox"): Role.REVIEWER,
    ("POST", "/bot-settings/sandbox"): Role.REVIEWER,
    ("POST", "/bot-settings/sandbox/clear"): Role.REVIEWER,
    ("POST", "/bot-settings/publish"): Role.ADMIN,
    ("POST", "/bot-settings/restore"): Role.ADMIN,
    ("GET", "/static/{name}"): PUBLIC,
}


class Served(NamedTuple):
    method: str
    path: str
    view: object


def served(database: AsyncEngine) -> list[Served]:
    app = create_admin(Settings(admin_password=HASHED), database, {}, workers=no_workers())
    web.Application().add_subapp("/admin/", app)
    paths = [
        (route, route.resource.canonical.removeprefix("/admin") if route.resource else "")
        for route in app.router.routes()
    ]
    return [Served(r.method, path, r.handler) for r, path in paths if r.method != "HEAD"]


async def test_every_route_says_beside_itself_what_the_table_says(
    unreachable: AsyncEngine,
) -> None:
    found = {}
    for method, path, view in served(unreachable):
        rule = rule_for(view)  # type: ignore[arg-type]  # a view
        assert rule is not None, f"{method} {path} has no rule: it is closed to everybody"
        found[method, path] = rule.role
    assert found == RULES


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_is_let_into_its_routes_and_no_others(
    start_admin: StartAdmin, database: AsyncEngine, role: Role
) -> None:
    other = await add_user(database, "other")
    await add_user(database, "somebody", role)
    await add_turn(database)
    ids = {"users": str(other), "conversations": str(await conversation_of(database))}
    client = await start_admin(database)
    await log_in(client, user="somebody")
    for (method, path), needed in sorted(RULES.items(), key=lambda rule: "logout" in rule[0][1]):
        if needed is PUBLIC:
            continue
        url = "/admin" + path.replace("{id}", ids.get(path.split("/")[1], "1"))
        url = url.replace("{name}", "model_gone").replace("{key}", "x").replace("{number}", "1")
        if method == "GET":
            response = await client.get(url, allow_redirects=False)
        else:
            response = await send(client, url)
        streams = response.content_type == "text/event-stream"
        refused = not streams and NO_RIGHT in await response.text()
        response.close()
        assert refused is not role.includes(needed), f"{role} {method} {path}"
        assert response.status == 403 or not refused


async def test_a_view_without_a_rule_is_closed_to_admins_too(
    start_admin: StartAdmin, database: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(_request: web.Request) -> web.Response:
        return web.Response(text="open")

    monkeypatch.setattr(
        "bot.admin.app.ROUTES",
        [*ROUTES, web.get("/forgotten", forgotten), web.post("/forgotten", forgotten)],
    )
    client = await start_admin(database)
    assert (await client.get("/admin/forgotten", allow_redirects=False)).status == 303
    await log_in(client)
    for response in (await client.get("/admin/forgotten"), await send(client, "/admin/forgotten")):
        assert response.status == 403
        assert NO_RIGHT in await response.text()


async def test_a_role_taken_away_in_a_session_is_gone_at_the_next_request(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee", Role.ADMIN)
    first, lee = await start_admin(database), await start_admin(database)
    await log_in(first)
    await log_in(lee, user="lee")
    assert (await lee.get("/admin/users")).status == 200
    changed = await send(first, f"/admin/users/{user_id}/role", role="viewer", reason="부서 이동")
    assert changed.status == 303
    ended = await lee.get("/admin/users", allow_redirects=False)
    assert (ended.status, ended.headers["Location"]) == (303, "/admin/login?next=/admin/users")
    await log_in(lee, user="lee")
    assert (await lee.get("/admin/")).status == 200
    assert (await lee.get("/admin/users")).status == 403


async def test_a_role_changed_in_the_database_alone_counts_at_once(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "lee", Role.ADMIN)
    lee = await start_admin(database)
    await log_in(lee, user="lee")
    assert (await lee.get("/admin/users")).status == 200
    await _execute(database, "UPDATE dashboard_users SET role = 'viewer'")
    assert (await lee.get("/admin/users")).status == 403


async def test_a_disabled_user_is_out_at_the_next_request_and_cannot_come_back(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    user_id = await add_user(database, "lee")
    first, lee = await start_admin(database), await start_admin(database)
    await log_in(first)
    await log_in(lee, user="lee")
    await send(first, f"/admin/users/{user_id}/state", state="disabled")
    assert (await lee.get("/admin/", allow_redirects=False)).status == 303
    assert (await log_in(lee, user="lee")).status == 403
    await send(first, f"/admin/users/{user_id}/state", state="enabled")
    assert (await log_in(lee, user="lee")).status == 303


async def test_a_viewer_sees_no_button_that_is_not_for_viewers(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "viewer")
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    await add_turn(database, delivery="failed", expires_at=in_an_hour)
    room = await conversation_of(database)
    admin, viewer = await start_admin(database), await start_admin(database)
    await log_in(admin)
    await log_in(viewer, user="viewer")
    page = f"/admin/conversations/{room}"
    assert "send-again" in await (await admin.get(page)).text()
    seen = await (await viewer.get(page)).text()
    assert "send-again" not in seen
    assert "/admin/users" not in seen
    for path, button in (("dead-letters", "send-again"), ("alerts", "/silence")):
        assert button in await (await admin.get(f"/admin/{path}")).text()
        assert button not in await (await viewer.get(f"/admin/{path}")).text()


async def test_a_refused_role_is_written_down(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "viewer")
    viewer = await start_admin(database)
    await log_in(viewer, user="viewer")
    await viewer.get("/admin/users")
    newest = (await logged(database))[-1]
    assert (newest.actor, newest.action) == ("viewer", AuditAction.ROLE_REFUSED)
    assert newest.object == "/admin/users"


async def test_unknown_paths_are_404_for_users(operator: Client) -> None:
    assert (await operator.get("/admin/secret-page")).status == 404


async def _execute(database: AsyncEngine, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
