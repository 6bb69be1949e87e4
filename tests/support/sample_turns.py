"""Rows for tests and pictures of the dashboard: turns as the bot leaves them, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.domain.turns import clean_text
from bot.store.schema import conversation_events, conversations, deliveries, turns

NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  #: twelve o'clock in Seoul


async def add_turn(
    database: AsyncEngine,
    question: str = "배송은 며칠 걸리나요?",
    answer: str | None = "보통 이틀 걸립니다.",
    *,
    received_at: datetime = NOON,
    messenger: str = "kakao",
    key: str = "room-1",
    sender: str = "person-1",
    delivery: str | None = "delivered",
    via: str | None = None,
    address: dict[str, Any] | None = None,
    room: str = "",
    **columns: Any,
) -> UUID:
    """One turn at the end of its conversation, settled unless ``answer`` is None.

    ``via``: of the delivery; ``address``: of the reply handle.
    """
    async with database.begin() as connection:
        conversation_id, seq = await _next_seq(connection, messenger, key, room)
        row = _turn_row(question, answer, received_at) | columns
        row["reply_handle"] = row["reply_handle"] | {"address": address or {}}
        row |= {
            "id": uuid4(),
            "conversation_id": conversation_id,
            "seq": seq,
            "messenger": messenger,
            "sender": sender,
        }
        await connection.execute(insert(turns).values(row))
        if delivery:
            await connection.execute(insert(deliveries).values(_delivery_row(row, delivery, via)))
    return UUID(str(row["id"]))


async def conversation_of(database: AsyncEngine, key: str = "room-1") -> int:
    """The id of the conversation with this key."""
    async with database.connect() as connection:
        found = await connection.execute(
            sql("SELECT id FROM conversations WHERE key = :key"), {"key": key}
        )
        return int(found.scalar_one())


async def add_event(
    database: AsyncEngine, kind: str, at: datetime, *, key: str = "room-1", actor: str = ""
) -> None:
    """Something that happened in a conversation beside its turns."""
    values = {
        "conversation_id": await conversation_of(database, key),
        "kind": kind,
        "actor": actor,
        "at": at,
    }
    async with database.begin() as connection:
        await connection.execute(insert(conversation_events).values(values))


async def _next_seq(
    connection: AsyncConnection, messenger: str, key: str, room: str
) -> tuple[int, int]:
    new = insert(conversations).values(messenger=messenger, tenant="shop", key=key, room=room)
    upsert = new.on_conflict_do_update(
        index_elements=["messenger", "tenant", "key"],
        set_={"last_seq": conversations.c.last_seq + 1},
    ).returning(conversations.c.id, conversations.c.last_seq)
    conversation_id, seq = (await connection.execute(upsert)).one()
    return conversation_id, seq


def _turn_row(question: str, answer: str | None, received_at: datetime) -> dict[str, Any]:
    question = clean_text(question)
    row: dict[str, Any] = {
        "tenant": "shop",
        "event_key": str(uuid4()),
        "epoch": 0,
        "text": question,
        "reply_handle": {
            "via": "callback",
            "address": {},
            "sync_until": None,
            "callback_until": None,
            "expires_at": (received_at + timedelta(minutes=1)).isoformat(),
        },
        "expires_at": received_at + timedelta(minutes=1),
        "status": "answered" if answer else "received",
        "answer": answer,
        "received_at": received_at,
    }
    if answer:
        row |= {
            "preset": "bllossom-8b",
            "model": "MLP-KTLim/llama-3-Korean-Bllossom-8B",
            "finish_reason": "stop",
            "prompt_tokens": 120 + len(question),
            "completion_tokens": len(answer),
            "first_token_ms": 180.0,
            "total_ms": 20.0 * len(answer),
            "queued_at": received_at + timedelta(milliseconds=8),
            "started_at": received_at + timedelta(milliseconds=42),
            "settled_at": received_at + timedelta(milliseconds=60 + 20 * len(answer)),
        }
    return row


def _delivery_row(row: dict[str, Any], state: str, via: str | None) -> dict[str, Any]:
    settled = row.get("settled_at") or row["received_at"]
    return {
        "turn_id": row["id"],
        "messenger": row["messenger"],
        "via": via or ("callback" if row["messenger"] == "kakao" else "post"),
        "state": state,
        "not_before": row["received_at"],
        "expires_at": row["expires_at"],
        "attempts": 0 if state == "pending" else 1,
        "delivered_at": settled + timedelta(milliseconds=90) if state == "delivered" else None,
    }


_SHOP: Sequence[tuple[str, str]] = (
    ("안녕하세요!", "안녕하세요! 무엇을 도와드릴까요?"),
    (
        "어제 산 코트를 환불하고 싶은데 환불 규정이 어떻게 되나요?",
        """받으신 날부터 7일 안에는 환불하실 수 있습니다.

1. 주문 내역에서 '환불 신청'을 눌러 주세요.
2. 택배 기사님이 이틀 안에 찾아갑니다.
3. 물건을 확인한 뒤 3영업일 안에 결제하신 카드로 돌려드립니다.""",
    ),
    (
        "제 번호는 010-1234-5678로 연락 주시고 메일은 minji.kim@example.co.kr로 주세요",
        "말씀하신 연락처로 환불 진행 상황을 알려드리겠습니다.",
    ),
)


async def add_samples(database: AsyncEngine) -> None:
    """A day's worth: a long dialogue with a reset, failures, and every delivery state."""
    for number, (question, answer) in enumerate(_SHOP):
        await add_turn(database, question, answer, received_at=NOON + timedelta(minutes=number))
    later = NOON + timedelta(hours=2)
    await add_turn(
        database, "주문한 책은 언제 오나요?", "내일 오후에 도착할 예정입니다.",
        received_at=later, epoch=1,
    )  # fmt: skip
    await add_turn(
        database, "영수증도 보내 주세요", None, received_at=later + timedelta(minutes=1), epoch=1,
        status="failed", failure_reason="engine_unavailable",
        failure_message="connection refused by 10.0.0.7:8000", delivery="failed",
        settled_at=later + timedelta(minutes=1, seconds=4),
    )  # fmt: skip
    await _add_slack(database, later + timedelta(minutes=5))


async def _add_slack(database: AsyncEngine, at: datetime) -> None:
    states = ("delivered", "held", "unconfirmed", "expired", "pending")
    for number, state in enumerate(states):
        await add_turn(
            database,
            f"/bllossom 이번 주 회의록 {number + 1}번을 세 줄로 요약해 줘",
            "1. 새 배송 정책을 12월부터 적용합니다.\n2. 고객 응대 기준을 다시 씁니다.\n"
            "3. 다음 회의는 목요일입니다.",
            messenger="slack", key=f"C0{number}", sender=f"U0{number}", delivery=state,
            received_at=at + timedelta(minutes=number),
            status="expired" if state == "expired" else "answered",
        )  # fmt: skip
    for number, status in enumerate(("generating", "queued", "received")):
        await add_turn(
            database, "점심 메뉴 추천해 줘", None, messenger="slack", key=f"C1{number}",
            sender="U9", status=status, delivery=None,
            received_at=at + timedelta(minutes=9 + number),
        )  # fmt: skip
