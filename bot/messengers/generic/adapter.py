"""Results to the callback URL of an in-house messenger: one signed POST."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.http.outbound import OutboundClient, Reply, encode_json
from bot.messengers.generic.results import answer_document
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.generic.signature import sign
from bot.text.catalog import Texts


class GenericAdapter:
    """The Messenger for the generic webhook."""

    name = "generic"

    def __init__(self, settings: GenericSettings, texts: Texts, outbound: OutboundClient) -> None:
        self._settings = settings
        self._texts = texts
        self._outbound = outbound

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """POST the answer to the callback URL of its message, signed like a request."""
        if via is not DeliveryVia.POST:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=f"no way {via}")
        if not self._settings.secrets:
            return DeliveryResult(outcome=Outcome.REFUSED, detail="there is no secret to sign with")
        body = encode_json(answer_document(answer, self._texts))
        return await self._outbound.post(
            handle.address.get("callback_url"),
            body,
            hosts=self._settings.callback_hosts,
            judge=judge_callback,
            headers=sign(self._settings.secrets[0], body, datetime.now(UTC)),
        )


def judge_callback(reply: Reply) -> DeliveryResult:
    """Read the response: 2xx delivered, 429 and 503 retry, other 5xx may be delivered."""
    detail = f"HTTP {reply.status}"
    if reply.status in (429, 503):
        return DeliveryResult(
            outcome=Outcome.RETRY, detail=detail, retry_after_s=reply.retry_after_s
        )
    if reply.status >= 500:
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
    outcome = Outcome.DELIVERED if 200 <= reply.status < 300 else Outcome.REFUSED
    return DeliveryResult(outcome=outcome, detail=detail)
