"""slack_sdk's Socket Mode client, bounded, and without what holds it in a broken state.

slack_sdk starts a task for each message and queues without a bound, asks for a new URL every five
seconds however often Slack refuses it, and tries one URL for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot.messengers.slack.installing.sdk_client import SILENT, sdk_client, slack_code
from runtime.tasks import TaskSet

#: Envelopes in work at once, and read beyond them; then the connection is not read.
MAX_IN_WORK, MAX_READ_AHEAD = 64, 64
#: Between pings; a connection without an answer for four of them is replaced.
PING_S = 5.0

#: Handles one message of Slack and answers it.
Handle = Callable[["SocketClient", dict[str, Any]], Awaitable[None]]


class SocketClient(SocketModeClient):
    """One connection at a time; closed for good at the first URL that Slack refuses."""

    def __init__(self, api_url: str, app_token: str, handle: Handle) -> None:
        super().__init__(
            app_token=app_token,
            web_client=sdk_client(api_url),
            logger=SILENT,
            ping_interval=PING_S,
        )
        self.message_queue = asyncio.Queue(MAX_READ_AHEAD)
        self.refusal = ""  #: why there is no URL: Slack's word, or the network's
        self.retry_after_s = 0.0
        self._handle = handle
        self._slots = asyncio.Semaphore(MAX_IN_WORK)
        self._in_work = TaskSet()

    async def begin(self) -> None:
        """Connect, and return then, or once the client is closed."""
        await self.connect()  # type: ignore[no-untyped-call]

    async def end(self) -> None:
        """Close the connection for good."""
        await self.close()  # type: ignore[no-untyped-call]

    async def issue_new_wss_url(self) -> str:
        """A URL for one connection. Without one the client closes: its owner decides when."""
        try:
            response = await self.web_client.apps_connections_open(app_token=self.app_token)
            return str(response["url"])
        except SlackApiError as error:
            self.refusal = slack_code(error)
            headers = getattr(error.response, "headers", None) or {}
            after = str(headers.get("Retry-After", ""))
            self.retry_after_s = float(after) if after.isdecimal() else 0.0
            self.closed = True
            raise
        except (ClientError, TimeoutError, OSError) as error:
            self.refusal = type(error).__name__
            self.closed = True
            raise

    async def process_message(self) -> None:
        """Take the next message once there is room for it."""
        await self._slots.acquire()
        try:
            message = _read(await self.message_queue.get())
        except BaseException:
            self._slots.release()
            raise
        self._in_work.start(self._answer(message), name="slack envelope")

    async def acknowledge(self, envelope_id: str, payload: dict[str, Any] | None) -> bool:
        """Acknowledge an envelope; False where the connection is gone: Slack sends it again."""
        document: dict[str, Any] = {"envelope_id": envelope_id}
        if payload is not None:
            document["payload"] = payload
        if self.current_session is None:
            return False
        with suppress(ClientError, OSError):
            await self.send_message(json.dumps(document, ensure_ascii=False))
            return True
        return False

    async def drain(self, timeout_s: float) -> None:
        """Let what is in work be acknowledged, at most for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._in_work.wait_for_started()

    async def _answer(self, message: dict[str, Any]) -> None:
        try:
            if message.get("type") == "disconnect":
                with suppress(SlackApiError, ClientError, OSError):  # then it is closed
                    await self.connect_to_new_endpoint(force=True)
            else:
                await self._handle(self, message)
        finally:
            self._slots.release()


def _read(raw: Any) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
