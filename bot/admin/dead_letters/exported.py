"""The dead letters as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.dead_letters.choice import BAD_CHOICE, STATES, read_choice
from bot.admin.exports.lists import TABLES, Page, Row
from bot.admin.turns.filters import Cursor
from bot.admin.turns.masked_beginning import masked_beginning
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.domain.dashboard_users import Role
from bot.domain.turns import Person
from bot.privacy.masking import mask_detail, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store.dead_letters import Choice, DeadLetter, list_dead_letters

PAGE_SIZE = 200


class ExportedDeadLetters:
    """Undelivered answers, newest first, each with the beginning of its question."""

    name = "dead_letters"
    label = "전송 실패 답변"
    role = Role.REVIEWER
    formats = TABLES
    columns = (
        "접수",
        "바뀐 시각",
        "대화 번호",
        "메신저",
        "사용자",
        "질문",
        "전달",
        "이유",
        "시도",
        "턴 ID",
    )

    def __init__(self, messenger_labels: Mapping[str, str]) -> None:
        self._messengers = messenger_labels

    def problem(self, query: Mapping[str, str]) -> str:
        """Whether the choice names what there is not."""
        return "" if read_choice(query, self._messengers) else _(BAD_CHOICE)

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The next dead letters of the choice."""
        place = Cursor.parse(after) if after else None
        async with database.connect() as connection:
            found = await list_dead_letters(
                connection,
                read_choice(query, self._messengers) or Choice(),
                before=(place.received_at, place.id) if place else None,
                limit=PAGE_SIZE,
            )
        last = found[-1] if len(found) == PAGE_SIZE else None
        return Page(
            rows=await run_masking(lambda: self._rows(found)),
            people=frozenset(_person(letter).key for letter in found),
            after=str(Cursor(last.updated_at, last.turn_id)) if last else "",
        )

    def _rows(self, letters: Sequence[DeadLetter]) -> list[Row]:
        return [self._row(letter) for letter in letters]

    def _row(self, letter: DeadLetter) -> Row:
        return (
            letter.received_at,
            letter.updated_at,
            letter.conversation_id,
            labels.label(letter.messenger, self._messengers),
            pseudonym(letter.messenger, letter.tenant, letter.sender),
            masked_beginning(letter.text),
            labels.label(letter.state, STATES),
            mask_detail(letter.detail),
            letter.attempts,
            str(letter.turn_id),
        )


def _person(letter: DeadLetter) -> Person:
    return Person(messenger=letter.messenger, tenant=letter.tenant, sender=letter.sender)
