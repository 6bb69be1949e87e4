"""slack_sdk's Web API client for calls that must not be repeated."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = structlog.get_logger(__name__)

#: Of a call. A code or a refresh token is good for one call, so a slow one is not repeated.
CALL_TIMEOUT_S = 8
#: What slack_sdk logs may hold tokens and codes: nothing below CRITICAL.
SILENT = logging.getLogger("slack_sdk.silent")
SILENT.setLevel(logging.CRITICAL + 1)


def sdk_client(api_url: str) -> AsyncWebClient:
    """A client without retries: slack_sdk's own one repeats what may have arrived."""
    return AsyncWebClient(
        base_url=api_url.rstrip("/") + "/",
        timeout=CALL_TIMEOUT_S,
        retry_handlers=[],
        logger=SILENT,
    )


def slack_code(error: SlackApiError) -> str:
    """Slack's word for the error, such as ``invalid_code``; "unknown" where there is none."""
    response = error.response
    code = response.get("error") if hasattr(response, "get") else None
    return code if isinstance(code, str) and code.isascii() and len(code) <= 60 else "unknown"


class OAuthClient(AsyncWebClient):
    """The client of bolt's OAuth flow, which keeps Slack's words for itself."""

    def __init__(self, api_url: str) -> None:
        super().__init__(
            base_url=api_url.rstrip("/") + "/",
            timeout=CALL_TIMEOUT_S,
            retry_handlers=[],
            logger=SILENT,
        )

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        """Call a method, and log why Slack refuses it."""
        try:
            return await super().api_call(api_method, **arguments)
        except SlackApiError as error:
            log.warning("slack_oauth_refused", method=api_method, code=slack_code(error))
            raise
