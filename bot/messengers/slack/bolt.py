"""The slack_bolt app behind everything that is not a slash command."""

from __future__ import annotations

import logging
from typing import Any

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.messengers.slack.settings import SlackSettings

HttpAnswer = tuple[int, dict[str, str], bytes]  #: status, headers, body


def bolt_app(settings: SlackSettings) -> AsyncApp:
    """The app for one workspace. It verifies nothing: its requests are verified before it."""
    token = settings.bot_token.get_secret_value()

    # A function and no method: bolt reads the parameters' names, and would pass a "self".
    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """One workspace, one token from the settings: no auth.test call per request."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    logger = logging.getLogger("slack_bolt")
    # Below that bolt logs whole requests, the people's words and the tokens among them.
    logger.setLevel(logging.WARNING)
    app = AsyncApp(
        name="bllossom",
        logger=logger,
        process_before_response=True,
        authorize=authorize,
        client=AsyncWebClient(base_url=settings.api_url),
        # Done before anything is parsed; bolt's own would answer 500 to odd headers.
        request_verification_enabled=False,
    )
    app.error(_raise)
    return app


async def dispatch(app: AsyncApp, fields: dict[str, Any]) -> HttpAnswer:
    """Let bolt answer a verified, parsed request."""
    # bolt parses again what it gets as a body, and differently: in this mode it does not.
    request = AsyncBoltRequest(body=fields, mode="socket_mode")
    response = await app.async_dispatch(request)
    headers = dict(response.first_headers_without_set_cookie())
    return response.status, headers, response.body.encode()


async def _raise(error: Exception) -> None:
    """Give a listener's exception to whoever called dispatch, rather than a 500 from bolt."""
    raise error
