"""KakaoTalk channel chat: the skill webhook, its five seconds, and the one-shot callback."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import datetime

from aiohttp import ClientSession

from bot.domain.deliveries import Answer, DeliveryResult, DeliveryVia, Outcome, ReplyHandle
from bot.domain.messenger import Incoming, Refusal
from bot.domain.turns import clean_text
from bot.http.outbound import Reply, post_json
from bot.messengers.kakao.skill_request import read_skill
from bot.messengers.kakao.skill_response import (
    answer_response,
    callback_response,
    sentence_response,
)
from bot.messengers.parsing import json_object, utf8
from bot.settings import Settings
from bot.text.catalog import TEXTS

__all__ = ["Kakao", "answer_response", "callback_response", "sentence_response"]

#: Kakao signs nothing: the secret is a fixed header entered in the skill's form.
SECRET_HEADER = "X-Bot-Secret"  # noqa: S105 - the name, not the secret
#: What a callback is told whose webhook was not answered with useCallback, as far as Kakao knows.
NOT_ACKNOWLEDGED = "Use callback true setting required"


class Kakao:
    """The Messenger for KakaoTalk."""

    name = "kakao"

    def __init__(self, settings: Settings, session: ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._texts = TEXTS[settings.language]

    def verify(self, headers: Mapping[str, str]) -> None:
        """Raise Refusal(401) unless the request carries one of our secrets."""
        given = headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        accepted = [
            hmac.compare_digest(given, secret.encode("utf-8", "surrogatepass"))
            for secret in self._settings.kakao_secrets
        ]
        if not any(accepted):
            raise Refusal(401, "wrong or missing secret")

    def read(self, body: bytes, received_at: datetime) -> Incoming:
        """Read a verified request; ``received_at`` is aware UTC.

        Raises Refusal(400) for what is not a JSON object; anything missing or null inside is
        an Incoming with a problem.
        """
        return read_skill(json_object(utf8(body)), received_at, self._settings)

    async def deliver(
        self, handle: ReplyHandle, via: DeliveryVia, answer: Answer
    ) -> DeliveryResult:
        """POST the answer to the callback URL: the only way that Kakao can be called."""
        if via is not DeliveryVia.CALLBACK:
            return DeliveryResult(outcome=Outcome.REFUSED, detail=f"Kakao has no way {via}")
        return await post_json(
            self._session,
            handle.address.get("callback_url"),
            answer_response(answer, self._texts),
            hosts=self._settings.kakao_callback_hosts,
            judge=judge_callback,
        )


def judge_callback(reply: Reply) -> DeliveryResult:
    """Read the answer to a callback: its ``status`` counts, not the HTTP code alone.

    429 was shown to nobody and did not use up the URL; nor was what came before Kakao had read our
    acknowledgement, and whether that uses up the URL a second try will tell. HTTP 5xx and an answer
    without a status say nothing about whether the bubbles were shown.
    """
    status, detail = _callback_words(reply)
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


def _callback_words(reply: Reply) -> tuple[str, str]:
    """The status word, and a line for support: HTTP code, status, message, task id."""
    fields = reply.document
    status, message, task = (_word(fields.get(key)) for key in ("status", "message", "taskId"))
    # The message may repeat the callback token; a task id is what Kakao's support asks for.
    message = re.sub(r"\S{24,}", "…", message)[:160]
    words = [f"HTTP {reply.status}", status[:20], message, task and f"task {task[:64]}"]
    return status, " ".join(word for word in words if word)


def _word(value: object) -> str:
    return clean_text(value) if isinstance(value, str) else ""
