"""The whole of one text, in parts: what other pages cut."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading import prompt_page
from bot.admin.reading.bounds import bounded
from bot.privacy.masking import mask

#: Of a part, in bytes of HTML.
PART_BYTES = 45_000

NAMES = {
    "question": "질문",
    "answer": "답변",
    "prompt": "모델이 읽은 질문",
    "system": "시스템 프롬프트",
    "reasoning": "모델의 추론",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A part of a masked text."""

    text: str
    start: int  #: code points before it
    total: int
    next: int | None


async def load(database: AsyncEngine, turn_id: UUID, name: str) -> str | None:
    """The text of a turn; None: there is no such turn, or it has no such text."""
    found = await prompt_page.load(database, turn_id)
    if found is None:
        return None
    settings = found.record.settings
    texts = {
        "question": found.turn.text,
        "answer": found.turn.answer,
        "prompt": prompt_page.newest_text(found.record),
        "system": settings.system_prompt if settings else None,
        "reasoning": found.turn.reasoning,
    }
    return texts.get(name)


def part_of(text: str, start: int) -> TextPart:
    """The part that begins at ``start``. Masks: not for the event loop."""
    masked = mask(text)
    shown = bounded(masked[start:], PART_BYTES)
    end = start + len(shown)
    return TextPart(
        text=shown, start=start, total=len(masked), next=end if end < len(masked) else None
    )
