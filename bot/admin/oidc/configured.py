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
    """The provider; None: nobody set one."""
    if not settings.admin_oidc_issuer:
        return None
    secret = settings.admin_oidc_client_secret.get_secret_value()
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
