"""Pictures that an operator keeps: masked on the page, shown with the grant, written down."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store.schema import turn_pictures
from bot.store.turn_pictures import drop_unneeded, take_pictures
from tests.integration.bot.admin.reading.test_conversation import read
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged
from tests.support.sample_turns import NOON, add_turn

JPEG = b"\xff\xd8\xff" + bytes(20)


async def add_picture(
    database: AsyncEngine, turn_id: UUID, position: int = 0, *, days: int | None = 7
) -> None:
    row = {
        "turn_id": turn_id,
        "position": position,
        "media_type": "image/jpeg",
        "data": JPEG,
    }
    kept = text("now() + make_interval(days => :days)").bindparams(days=days) if days else None
    async with database.begin() as connection:
        await connection.execute(insert(turn_pictures).values(**row, kept_until=kept))


async def a_turn(database: AsyncEngine, **columns: object) -> UUID:
    return await add_turn(database, "[사진]", media=[{"type": "image"}], **columns)  # type: ignore[arg-type]


async def unmask(client: Client, database: AsyncEngine, turn_id: UUID) -> None:
    async with database.connect() as connection:
        found = text("SELECT conversation_id FROM turns WHERE id = :id")
        conversation_id = await connection.scalar(found, {"id": turn_id})
    path = f"/admin/conversations/{conversation_id}/unmask"
    assert (await send(client, path, reason="문의 확인")).status == 303


async def test_a_kept_picture_is_masked_until_its_conversation_is_unmasked(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await a_turn(database)
    await add_picture(database, turn_id)
    page, picture = f"/admin/turns/{turn_id}", f"/admin/turns/{turn_id}/pictures/1"
    masked = await read(operator, page)
    assert "사진 1 · 가려짐" in masked
    assert picture not in masked
    assert (await operator.get(picture)).status == 403
    await unmask(operator, database, turn_id)
    assert f'src="{picture}"' in await read(operator, page)
    shown = await operator.get(picture)
    assert (shown.status, shown.content_type) == (200, "image/jpeg")
    assert await shown.read() == JPEG
    assert shown.headers["Cache-Control"] == "no-store"
    [entry] = [one for one in await logged(database) if one.action == AuditAction.PICTURE_READ]
    assert entry.object == f"turn:{turn_id}"


async def test_a_picture_that_is_not_kept_is_nowhere(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await a_turn(database)
    await add_picture(database, turn_id, days=None)  # of a turn that waits for its job
    await unmask(operator, database, turn_id)
    assert "pictures/" not in await read(operator, f"/admin/turns/{turn_id}")
    for number in ("1", "2", "0", "5", "x", "%31%31"):
        picture = await operator.get(f"/admin/turns/{turn_id}/pictures/{number}")
        assert picture.status == 404, number


async def test_a_viewer_sees_no_picture(start_admin: StartAdmin, database: AsyncEngine) -> None:
    turn_id = await a_turn(database)
    await add_picture(database, turn_id)
    await add_user(database, "v", role=Role.VIEWER)
    client = await start_admin(database)
    await log_in(client, user="v")
    assert "사진 1 · 가려짐" in await read(client, f"/admin/turns/{turn_id}")
    assert (await client.get(f"/admin/turns/{turn_id}/pictures/1")).status == 403


@pytest.mark.parametrize(("days", "left"), [(0, 0), (3, 1)])
async def test_a_job_takes_the_pictures_with_it_unless_they_are_kept(
    database: AsyncEngine, days: int, left: int
) -> None:
    turn_id = await a_turn(database, status="received")
    await add_picture(database, turn_id, days=None)
    async with database.begin() as connection:
        taken = await take_pictures(connection, [turn_id], kept_days=days)
        assert [picture.media_type for picture in taken[turn_id]] == ["image/jpeg"]
        await connection.execute(text("UPDATE turns SET status = 'answered'"))
        assert await drop_unneeded(connection, kept_days=days) == 0
        count = await connection.scalar(text("SELECT count(*) FROM turn_pictures"))
    assert count == left


@pytest.mark.parametrize(
    ("kept", "setting", "dropped"),
    [(None, 7, 1), (7, 7, 0), (7, 3, 1), (7, 0, 1), (-1, 7, 1)],
    ids=["never taken", "in time", "the days were lowered", "switched off", "over"],
)
async def test_what_was_kept_long_enough_is_deleted(
    database: AsyncEngine, kept: int | None, setting: int, dropped: int
) -> None:
    turn_id = await a_turn(database, received_at=NOON - timedelta(days=1))
    await add_picture(database, turn_id, days=kept)
    async with database.begin() as connection:
        assert await drop_unneeded(connection, kept_days=setting) == dropped
