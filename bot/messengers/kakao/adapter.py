"""Answers to KakaoTalk: one POST to the callback URL, and the reading of Kakao's response."""

from __future__ import annotations

import re

from bot.configs.texts import TextsLookup
from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.turns import clean_text
from bot.http.outbound import OutboundClient, Reply
from bot.messengers.kakao.bubbles import style_of
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_response import answer_response

#: Kakao's error for a callback whose useCallback acknowledgement it has not read.
NOT_ACKNOWLEDGED = "Use callback true setting required"


class KakaoAdapter:
    """The Messenger for KakaoTalk."""

    name = "kakao"

    def __init__(
        self, settings: KakaoSettings, texts_for: TextsLookup, outbound: OutboundClient
    ) -> None:
        self._settings = settings
        self._texts_for = texts_for
        self._outbound = outbound

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """POST the answer to the callback URL, the only route to Kakao. It takes one POST."""
        if via is not DeliveryVia.CALLBACK:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=f"Kakao has no way {via}")
        # Turns of the previous version do not name their bot.
        texts = self._texts_for("kakao", handle.address.get("bot_id", ""), "")
        return await self._outbound.post_json_to_single_use(
            handle.address.get("callback_url"),
            answer_response(answer, texts, style=style_of(self._settings)),
            hosts=self._settings.callback_hosts,
            judge=judge_callback,
        )


def judge_callback(reply: Reply) -> DeliveryResult:
    """Read the response to a callback: its ``status`` counts, not the HTTP code alone.

    After 429 nothing was shown and the URL is still valid. A callback before Kakao has read our
    acknowledgement was not shown either; a second try finds out whether the URL is still valid.
    After HTTP 5xx, or without a status, it is unknown whether the bubbles were shown.
    """
    status, detail = _status_and_detail(reply)
    if reply.status == 429 or (status == "FAIL" and NOT_ACKNOWLEDGED in detail):
        return DeliveryResult(
            outcome=Outcome.RETRY, detail=detail, retry_after_s=reply.retry_after_s
        )
    if reply.status >= 500:
        return DeliveryResult(outcome=Outcome.UNCONFIRMED, detail=detail)
    if reply.status >= 300 or status in {"FAIL", "ERROR"}:
        return DeliveryResult(outcome=Outcome.REFUSED, detail=detail)
    outcome = Outcome.DELIVERED if status == "SUCCESS" else Outcome.UNCONFIRMED
    return DeliveryResult(outcome=outcome, detail=detail)


def _status_and_detail(reply: Reply) -> tuple[str, str]:
    """The status word, and a line for support: HTTP code, status, message, task id."""
    fields = reply.document
    status, message, task = (_word(fields.get(key)) for key in ("status", "message", "taskId"))
    # The message may repeat the callback token. Kakao's support asks for the task id.
    message = re.sub(r"\S{24,}", "…", message)[:160]
    words = [f"HTTP {reply.status}", status[:20], message, task and f"task {task[:64]}"]
    return status, " ".join(word for word in words if word)


def _word(value: object) -> str:
    return clean_text(value) if isinstance(value, str) else ""
