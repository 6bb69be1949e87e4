"""What the settings say of the provider."""

from __future__ import annotations

from collections.abc import Callable

from bot.admin.login.sessions import PREFIX
from bot.admin.oidc.login_state import StateCookies
from bot.admin.oidc.provider import Provider
from bot.admin.oidc.roles import RoleRules
from bot.admin.oidc.views import Oidc
from bot.settings import Settings


def read_oidc(settings: Settings, clock: Callable[[], float]) -> Oidc | None:
    """The provider; None: nobody set one. Raises ValueError where something is missing."""
    if not settings.admin_oidc_issuer:
        return None
    secret = settings.admin_oidc_client_secret.get_secret_value()
    needed = {
        "BOT_ADMIN_OIDC_CLIENT_ID": settings.admin_oidc_client_id,
        "BOT_ADMIN_OIDC_CLIENT_SECRET": secret,
        "BOT_ADMIN_OIDC_ROLES": settings.admin_oidc_roles,
        "BOT_ADMIN_PUBLIC_URL": settings.admin_public_url,
    }
    if missing := [name for name, value in needed.items() if not value]:
        raise ValueError(f"BOT_ADMIN_OIDC_ISSUER needs {', '.join(missing)} too")
    return Oidc(
        provider=Provider(
            issuer=settings.admin_oidc_issuer,
            client_id=settings.admin_oidc_client_id,
            client_secret=secret,
            clock=clock,
        ),
        cookies=StateCookies(secret, clock),
        rules=RoleRules(settings.admin_oidc_role_claim, settings.admin_oidc_roles),
        redirect_uri=f"{settings.admin_public_url}{PREFIX}login/oidc/callback",
    )
