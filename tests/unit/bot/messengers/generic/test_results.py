"""The JSON of a result."""

from __future__ import annotations

from uuid import UUID

from bot.domain.deliveries import Answer
from bot.messengers.generic.results import answer_document
from bot.text.catalog import TEXTS

KO = TEXTS["ko"]
TURN = UUID("01890000-0000-7000-8000-000000000001")


def test_an_unfinished_answer_is_marked() -> None:
    unfinished = Answer(turn_id=TURN, text="첫째로, 서울은", truncated=True)
    assert answer_document(unfinished, KO) == {
        "id": str(TURN),
        "status": "answered",
        "text": "첫째로, 서울은",
        "truncated": True,
        "ai_notice": None,
    }
    assert answer_document(Answer(turn_id=TURN, text="네"), KO)["truncated"] is False
