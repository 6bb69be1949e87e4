"""GET /webhooks/slack/install and .../oauth_redirect: slack_bolt's OAuth flow in our routes.

A state is good for one use within ten minutes, in the browser that began (its cookie).
"""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import ClientError, web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncBoltRequest
from slack_bolt.oauth.async_callback_options import (
    AsyncCallbackOptions,
    AsyncFailureArgs,
    AsyncSuccessArgs,
)
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from yarl import URL

from bot.messengers.slack.ids import slack_id
from bot.messengers.slack.installing.bot_tokens import InstalledTokens
from bot.messengers.slack.installing.pages import (
    PAGE_HEADERS,
    UNAVAILABLE,
    Page,
    error_word,
    failure_page,
    success_page,
)
from bot.messengers.slack.installing.scopes import SCOPE_NAMES, granted_scopes, missing_scopes
from bot.messengers.slack.installing.sdk_client import SILENT, OAuthClient
from bot.messengers.slack.settings import SlackSettings
from bot.store.installations import Installations
from bot.store.oauth_states import STATE_LIFE_S, OAuthStates, TooManyStatesError
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

INSTALL_PATH = "/webhooks/slack/install"
REDIRECT_PATH = "/webhooks/slack/oauth_redirect"
COOKIE = "slack-app-oauth-state"


class InstallEndpoint:
    """The two pages of an installation."""

    def __init__(
        self,
        settings: SlackSettings,
        installations: Installations,
        states: OAuthStates,
        tokens: InstalledTokens,
    ) -> None:
        self._tokens = tokens
        self._flow = AsyncOAuthFlow(
            client=OAuthClient(settings.api_url),
            logger=SILENT,
            settings=_flow_settings(
                settings,
                installations,
                states,
                AsyncCallbackOptions(self.succeeded, self.failed),
            ),
        )

    def routes(self) -> list[web.RouteDef]:
        """Both are opened by browsers."""
        return [web.get(INSTALL_PATH, self.install), web.get(REDIRECT_PATH, self.finish)]

    async def install(self, request: web.Request) -> web.StreamResponse:
        """Issue a state, and send the browser to Slack; ``?team=T1`` preselects a workspace."""
        if request.method == "HEAD":
            return web.Response(headers=PAGE_HEADERS)
        # bolt puts the team into the Location as it is.
        team = slack_id(request.query.get("team"))
        try:
            answer = await self._flow.handle_installation(
                AsyncBoltRequest(body="", query=f"team={team}" if team else "")
            )
        except (*DATABASE_ERRORS, TooManyStatesError) as error:
            return _unavailable(error)
        answer.headers |= {name.lower(): [value] for name, value in PAGE_HEADERS.items()}
        return await _response(answer)

    async def finish(self, request: web.Request) -> web.StreamResponse:
        """Take the browser back from Slack: exchange the code, and keep the installation."""
        if request.method == "HEAD":  # must not use the state up
            return web.Response(headers=PAGE_HEADERS)
        try:
            return await _response(await self._flow.handle_callback(_bolt_request(request)))
        except (*DATABASE_ERRORS, ClientError) as error:
            return _unavailable(error)

    async def succeeded(self, args: AsyncSuccessArgs) -> BoltResponse:
        """The installation is kept."""
        installation = args.installation
        team, enterprise = installation.team_id or "", installation.enterprise_id or ""
        self._tokens.forget(team)
        missing = missing_scopes(granted_scopes(installation))
        names = [scope.name for scope in missing]
        log.info("slack_installed", team=team, enterprise=enterprise, missing_scopes=names)
        return _page(success_page(missing), args.settings)

    async def failed(self, args: AsyncFailureArgs) -> BoltResponse:
        """The installation ended early; nothing is kept."""
        log.warning("slack_not_installed", reason=error_word(str(args.reason)))
        return _page(failure_page(str(args.reason)), args.settings)


def authorization_url(api_url: str) -> str:
    """Slack's page of consent, at the origin of its Web API."""
    return str(URL(api_url).origin() / "oauth/v2/authorize")


def _flow_settings(
    settings: SlackSettings,
    installations: Installations,
    states: OAuthStates,
    callbacks: AsyncCallbackOptions,
) -> AsyncOAuthSettings:
    return AsyncOAuthSettings(
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scopes=SCOPE_NAMES,
        user_scopes=[],
        redirect_uri=settings.public_url + REDIRECT_PATH,
        install_path=INSTALL_PATH,
        install_page_rendering_enabled=False,
        redirect_uri_path=REDIRECT_PATH,
        callback_options=callbacks,
        authorization_url=authorization_url(settings.api_url),
        installation_store=installations,
        state_store=states,
        state_cookie_name=COOKIE,
        state_expiration_seconds=STATE_LIFE_S,
        logger=SILENT,
    )


def _bolt_request(request: web.Request) -> AsyncBoltRequest:
    """The query and the cookies; bolt's adapter would read a body in any charset."""
    cookies = list(request.headers.getall("Cookie", []))
    return AsyncBoltRequest(
        body="", query=request.rel_url.raw_query_string, headers={"cookie": cookies}
    )


def _page(page: Page, settings: AsyncOAuthSettings) -> BoltResponse:
    headers: dict[str, Any] = {
        **PAGE_HEADERS,
        "Set-Cookie": settings.state_utils.build_set_cookie_for_deletion(),
    }
    return BoltResponse(status=page.status, headers=headers, body=page.html())


async def _response(answer: BoltResponse) -> web.Response:
    response = await to_aiohttp_response(answer)
    response.charset = "utf-8"
    for cookie in response.cookies.values():
        # Slack sends the browser back from another site, by a link.
        cookie["samesite"] = "Lax"
    return response


def _unavailable(error: BaseException) -> web.Response:
    log.warning("slack_install_unavailable", error=type(error).__name__)
    return web.Response(status=UNAVAILABLE.status, text=UNAVAILABLE.html(), headers=PAGE_HEADERS)
