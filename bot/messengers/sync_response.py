"""Answers in an open response: claimed, written out, then recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from aiohttp import web

from bot.delivery.sync_window import SyncWindow
from bot.domain.deliveries import Answer, DeliveryState, DeliveryVia
from runtime.timeouts import run_with_timeout

log = structlog.get_logger(__name__)


class SyncResponder:
    """Delivers settled turns over the open connections of clients."""

    def __init__(self, sync_window: SyncWindow, render: Callable[[Answer], web.Response]) -> None:
        self._sync_window = sync_window
        self._render = render

    async def respond(
        self,
        request: web.Request,
        turn_id: UUID,
        states: tuple[DeliveryState, ...],
        *,
        timeout_s: float,
    ) -> web.StreamResponse | None:
        """The response, written out; None: another route has claimed the answer.

        ``states``: the states of the delivery in which it may be claimed. Raises TimeoutError if
        the claim takes longer than ``timeout_s``.
        """
        if request.transport is None or request.transport.is_closing():
            return None
        written: list[web.StreamResponse] = []

        async def write(answer: Answer) -> None:
            response = self._render(answer)
            written.append(response)
            await response.prepare(request)
            await response.write_eof()

        await self.deliver(turn_id, states, write, timeout_s=timeout_s)
        return written[0] if written else None

    async def deliver(
        self,
        turn_id: UUID,
        states: tuple[DeliveryState, ...],
        write: Callable[[Answer], Awaitable[None]],
        *,
        timeout_s: float,
    ) -> bool:
        """Claim the answer, let ``write`` send it, record the outcome; False: not claimed.

        ``write`` raises OSError if the client hung up. Raises TimeoutError if the claim takes
        longer than ``timeout_s``.
        """
        fetched = DeliveryState.HELD in states
        via = DeliveryVia.HELD if fetched else DeliveryVia.SYNC
        claiming = self._sync_window.claim(
            turn_id, via=via, states=states, was=None if fetched else via
        )
        claimed = await run_with_timeout(timeout_s, claiming)
        if claimed is None:
            return False
        claim, answer = claimed
        state, detail = DeliveryState.DELIVERED, ""
        try:
            await write(answer)
        except OSError as error:
            # The client hung up: the answer was not shown, so it may still be fetched.
            state, detail = DeliveryState.HELD, type(error).__name__
        self._sync_window.record_soon(claim, state, detail, answer=answer)
        log.info(
            "turn_delivery", turn_id=str(claim.turn_id), via=claim.via.value, state=state.value
        )
        return True
