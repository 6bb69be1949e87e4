"""The slack_bolt app for all requests but slash commands."""

from __future__ import annotations

import logging
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_sdk.web.async_client import AsyncWebClient

from bot.messengers.slack.settings import SlackSettings
from bot.observability.metrics import UNKNOWN_REQUESTS

HttpAnswer = tuple[int, dict[str, str], bytes]  #: status, headers, body


def bolt_app(settings: SlackSettings, first: AsyncMiddleware | None = None) -> AsyncApp:
    """The app for one workspace. Its requests are already verified.

    ``first``: sees them before they are authorized.
    """
    token = settings.bot_token.get_secret_value()

    # A function, not a method: bolt passes arguments by name, "self" included.
    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """One workspace, one token from the settings: no auth.test call per request."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    logger = logging.getLogger("slack_bolt")
    # Below ERROR bolt logs whole requests, with personal data and tokens.
    logger.setLevel(logging.ERROR)
    app = AsyncApp(
        name="bllossom",
        logger=logger,
        process_before_response=True,
        before_authorize=first,
        authorize=authorize,
        client=AsyncWebClient(base_url=settings.api_url),
        # Verified before parsing; bolt's own check would answer 500 to malformed headers.
        request_verification_enabled=False,
    )
    app.error(_raise)
    return app


async def dispatch(
    app: AsyncApp, fields: dict[str, Any], headers: dict[str, str] | None = None
) -> HttpAnswer:
    """Let bolt answer a verified, parsed request; what no listener knows is acknowledged."""
    # In socket mode bolt takes the parsed fields; otherwise it parses the body in its own way.
    request = AsyncBoltRequest(body=fields, mode="socket_mode", headers=dict(headers or {}))
    response = await app.async_dispatch(request)
    if response.status == 404:
        UNKNOWN_REQUESTS.labels("slack", "event").inc()
        return 200, {}, b""
    headers = dict(response.first_headers_without_set_cookie())
    return response.status, headers, response.body.encode()


async def _raise(error: Exception) -> None:
    """Raise a listener's exception to the caller of dispatch, instead of bolt's 500."""
    raise error
