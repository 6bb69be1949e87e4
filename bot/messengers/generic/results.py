"""The JSON of results, the same in a response, a callback, a GET and an event."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bot.domain.deliveries import Answer
from bot.text.catalog import Texts

RESULT_PATH = "/webhooks/generic/results/{id}"
EVENTS_PATH = "/webhooks/generic/results/{id}/events"


def pending_document(turn_id: UUID) -> dict[str, Any]:
    """The document before there is an answer, with the URLs to get it."""
    return {
        "id": str(turn_id),
        "status": "pending",
        "result_url": RESULT_PATH.format(id=turn_id),
        "events_url": EVENTS_PATH.format(id=turn_id),
    }


def answer_document(answer: Answer, texts: Texts) -> dict[str, Any]:
    """The result: ``text`` is the model's Markdown, or a sentence in its place."""
    return {
        "id": str(answer.turn_id),
        "status": "answered" if answer.answered else "failed",
        "text": answer.text,
        "truncated": answer.truncated,
        "ai_notice": answer.notice(texts.ai_notice) or None,
    }
