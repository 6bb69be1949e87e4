"""Socket Mode: Slack's requests over a WebSocket that the bot opens, for bots without a public URL.

An envelope is acknowledged only after its request was handled, as an HTTP request is answered. What
was not acknowledged Slack sends again, and the event's key makes one of the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.messenger import Refusal
from bot.messengers.slack.installing.socket_client import SocketClient
from bot.messengers.slack.settings import SlackSettings
from runtime.backoff import exponential_backoff_s
from runtime.tasks import cancel_and_wait

log = structlog.get_logger(__name__)

#: A client without a connection for so long is replaced.
CONNECT_S = 30.0
#: How often its connection is looked at.
LOOK_S = 1.0
#: Pauses between clients.
PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
MAX_RETRY_AFTER_S = 600.0
#: What is in work at the end may still be acknowledged.
DRAIN_S = 3.0
SERVER_ERROR = 500
KINDS = frozenset({"events_api", "interactive", "slash_commands"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRequest:
    """One request of Slack's, as its HTTP route would get it."""

    kind: str  #: one of ``KINDS``
    payload: Mapping[str, Any]
    retry_attempt: int = 0  #: of an event: how often it was sent before
    retry_reason: str = ""


#: Handles a request and returns the acknowledgement's payload. Raises Refusal(4xx) for a malformed
#: one, which is acknowledged, since it is malformed the next time too; after any other error Slack
#: sends the request again.
Receive = Callable[[SocketRequest], Awaitable[Mapping[str, Any] | None]]


class SocketModeReceiver:
    """Keeps a connection, and hands its envelopes to ``receive``."""

    def __init__(self, settings: SlackSettings, receive: Receive) -> None:
        self._api_url = settings.api_url
        self._app_token = settings.app_token.get_secret_value()
        self._receive = receive

    async def keep_receiving(self) -> None:
        """Connect, and connect again, until cancelled."""
        failures = 0
        while True:
            client = SocketClient(self._api_url, self._app_token, self._handle)
            connected = await self._serve(client)
            failures = 1 if connected else failures + 1
            pause = exponential_backoff_s(failures, base_s=PAUSE_S, max_s=MAX_PAUSE_S)
            log.warning("slack_socket_lost", reason=client.refusal, connected_before=connected)
            await asyncio.sleep(max(pause, min(client.retry_after_s, MAX_RETRY_AFTER_S)))

    async def _serve(self, client: SocketClient) -> bool:
        """Use a client until it has no connection for ``CONNECT_S``; whether it ever had one."""
        connecting = asyncio.create_task(client.begin(), name="slack socket")
        connected, missed_s = False, 0.0
        try:
            while missed_s < CONNECT_S and not client.closed:
                if await client.is_connected():
                    if not connected:
                        log.info("slack_socket_connected")
                    connected, missed_s = True, 0.0
                await asyncio.sleep(LOOK_S)
                missed_s += LOOK_S
        finally:
            await _uncancelled(_close(client, connecting))
        return connected

    async def _handle(self, client: SocketClient, message: dict[str, Any]) -> None:
        """Handle one message; only envelopes of known kinds are more than noticed."""
        envelope_id, payload = message.get("envelope_id"), message.get("payload")
        if not isinstance(envelope_id, str):
            return  # hello
        answer: Mapping[str, Any] | None = None
        if message.get("type") in KINDS and isinstance(payload, dict):
            try:
                answer = await self._receive(_request(message, payload))
            except Refusal as refusal:
                log.warning("slack_envelope_refused", status=refusal.status)
                if refusal.status >= SERVER_ERROR:
                    return
            except Exception:
                log.exception("slack_envelope_failed", kind=message["type"])
                return
        accepts = message.get("accepts_response_payload") is True
        if not await client.acknowledge(envelope_id, dict(answer) if accepts and answer else None):
            log.info("slack_envelope_unacknowledged", kind=str(message.get("type"))[:40])


def _request(message: Mapping[str, Any], payload: Mapping[str, Any]) -> SocketRequest:
    attempt, reason = message.get("retry_attempt"), message.get("retry_reason")
    return SocketRequest(
        kind=str(message["type"]),
        payload=payload,
        retry_attempt=attempt if isinstance(attempt, int) else 0,
        retry_reason=reason[:40] if isinstance(reason, str) else "",
    )


async def _close(client: SocketClient, connecting: asyncio.Task[None]) -> None:
    await client.drain(DRAIN_S)
    await client.end()
    await cancel_and_wait(connecting)


async def _uncancelled(work: Any) -> None:
    """Finish ``work``, which is short: the end of the bot cancels a loop again and again."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
