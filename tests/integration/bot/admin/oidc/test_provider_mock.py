"""A whole login against somebody else's provider."""

from __future__ import annotations

import re
import time
import warnings

from aiohttp import ClientSession
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from bot.domain.dashboard_users import Role
from bot.store import dashboard_users
from tests.support.admin import Clock, StartAdmin

with warnings.catch_warnings():
    # It still uses a module that Authlib calls old.
    warnings.simplefilter("ignore")
    from oidc_provider_mock import User, run_server_in_thread


async def test_a_person_logs_in_by_the_code_flow_with_discovery(
    start_admin: StartAdmin, database: AsyncEngine, clock: Clock
) -> None:
    clock.now = time.time()  # the provider has its own clock
    hana = User(sub="hana-1", claims={"email": "hana@example.com", "groups": ["chiefs"]})
    with (
        warnings.catch_warnings(),
        run_server_in_thread(require_nonce=True, user_claims=[hana]) as server,
    ):
        warnings.simplefilter("ignore")
        client = await start_admin(
            database,
            admin_public_url="http://dashboard.test",
            admin_oidc_issuer=f"http://localhost:{server.server_port}",
            admin_oidc_client_id="dashboard",
            admin_oidc_client_secret="anything",
            admin_oidc_roles=("admin=chiefs",),
        )
        begun = await client.get("/admin/login/oidc", allow_redirects=False)
        async with ClientSession() as browser:
            form = URL(begun.headers["Location"], encoded=True)
            consent = await browser.post(form, data={"sub": "hana-1"}, allow_redirects=False)
            back = URL(consent.headers["Location"], encoded=True)
        assert re.match(r"http://dashboard\.test/admin/login/oidc/callback\?code=", str(back))
        entered = await client.get(back.relative(), allow_redirects=False)
        assert (entered.status, entered.headers["Location"]) == (303, "/admin/")
        assert (await client.get("/admin/users")).status == 200
    async with database.connect() as connection:
        user = await dashboard_users.find(connection, "hana@example.com")
    assert user
    assert (user.role, user.password_hash) == (Role.ADMIN, None)
