"""The list of turns as a file: those that its page finds, with their whole masked texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.exports.lists import TABLES, Page, Row
from bot.admin.search.fields import all_fields
from bot.admin.search.query import Query
from bot.admin.turns.filters import Cursor, read_search
from bot.admin.turns.listing import list_ids
from bot.admin.turns.queries import read_only
from bot.admin.web import labels
from bot.domain.dashboard_users import Role
from bot.domain.reviews import CountingVerdict
from bot.privacy.masking import mask, pseudonym
from bot.privacy.masking_thread import run_masking
from bot.store.reviews.judged_turns import read_judged
from bot.store.whole_turns import WholeTurn, whole_turns


class ExportedTurns:
    """Turns, newest first."""

    name = "turns"
    label = "대화 목록"
    role = Role.REVIEWER
    formats = TABLES
    columns = (
        "접수",
        "대화 번호",
        "순번",
        "메신저",
        "사용자",
        "질문",
        "답변",
        "상태",
        "전달",
        "실패",
        "종료 사유",
        "모델",
        "프리셋",
        "설정 버전",
        "프롬프트 토큰",
        "답변 토큰",
        "걸린 시간(ms)",
        "👍",
        "👎",
        "판정",
        "판정 이유",
        "고친 답변",
        "턴 ID",
    )

    def __init__(self, messenger_labels: Mapping[str, str]) -> None:
        self._messengers = messenger_labels

    def problem(self, query: Mapping[str, str]) -> str:
        """What the search box could not read, in one line."""
        return "; ".join(f"{one.token}: {one.reason}" for one in self._search(query).problems)

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The next turns that the search finds."""
        below = Cursor.parse(after) if after else None
        ids, following = await list_ids(database, self._search(query), below, self._messengers)
        async with read_only(database) as connection:
            turns = await whole_turns(connection, ids)
            verdicts = await read_judged(connection, ids)
        listed = [turns[turn_id] for turn_id in ids if turn_id in turns]
        return Page(
            rows=await run_masking(
                lambda: [self._row(turn, verdicts.get(turn.id)) for turn in listed]
            ),
            people=frozenset(turn.person.key for turn in listed),
            after=str(following or ""),
        )

    def _search(self, query: Mapping[str, str]) -> Query:
        return read_search(query, all_fields(self._messengers), datetime.now(UTC))

    def _row(self, turn: WholeTurn, judged: CountingVerdict | None) -> Row:
        latency_ms = labels.elapsed_ms(turn.received_at, turn.delivered_at or turn.settled_at)
        return (
            turn.received_at,
            turn.conversation_id,
            turn.seq,
            labels.label(turn.messenger, self._messengers),
            pseudonym(turn.messenger, turn.tenant, turn.sender),
            mask(turn.text),
            mask(turn.answer or ""),
            labels.label(turn.status, labels.STATUSES),
            labels.label(turn.delivery_state, labels.DELIVERY_STATES),
            labels.label(turn.failure_reason, labels.FAILURES),
            labels.label(turn.finish_reason, labels.FINISH_REASONS),
            turn.model or "",
            turn.preset or "",
            turn.config_version,
            turn.prompt_tokens,
            turn.completion_tokens,
            None if latency_ms is None else round(latency_ms),
            turn.good_votes,
            turn.bad_votes,
            *_judged(judged),
            str(turn.id),
        )


def _judged(judged: CountingVerdict | None) -> tuple[str, str, str]:
    """What counts of the turn's reviews."""
    if judged is None:
        return "", "", ""
    reasons = ", ".join(labels.label(reason, labels.REASONS) for reason in judged.reasons)
    return labels.label(judged.verdict, labels.VERDICTS), reasons, mask(judged.correction or "")
