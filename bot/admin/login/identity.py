"""Who a request is from."""

from __future__ import annotations

from aiohttp import web

from bot.domain.dashboard_users import DashboardUser

#: The user of the request's session; absent on public pages.
USER = web.RequestKey("USER", DashboardUser)

#: Holds the CSRF token of the login form: before the login there is no session to hold it, and
#: strangers get no session cookie, whose key is derived from the password.
LOGIN_COOKIE = "bllossom_admin_login"

#: Whether a provider vouches for people, too (BOT_ADMIN_OIDC_ISSUER).
HAS_PROVIDER = web.AppKey("HAS_PROVIDER", bool)
