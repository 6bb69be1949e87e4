"""Review queues for tests: filled at once, and forms sent to their pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import ClientResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reviews.filler import QueueFiller
from tests.support.admin import MESSENGER_LABELS, Client, csrf_of

#: The fields of a new queue.
QUEUE = {"name": "환불 답변", "q": "", "which": "all", "reviewers": "1", "minutes": "15"}


async def new_queue(client: Client, database: AsyncEngine, **fields: str) -> int:
    """The id of a queue that is made by the form, and filled."""
    response = await post(client, "/admin/reviews", **QUEUE | fields)
    assert response.status == 303, await response.text()
    await fill(database)
    return int(response.headers["Location"].rsplit("/", 1)[1])


async def fill(database: AsyncEngine, now: datetime | None = None) -> None:
    """Run one round of the filler, as if it were ``now``."""
    committed = database.execution_options(isolation_level="READ COMMITTED")
    clock = (lambda: now) if now else (lambda: datetime.now(UTC))
    await QueueFiller(database=committed, messengers=MESSENGER_LABELS, clock=clock).fill()


async def post(client: Client, path: str, **fields: str) -> ClientResponse:
    """Send a form of the session's, without following the redirect."""
    shown = await client.get("/admin/account")
    data = {"csrf": csrf_of(await shown.text()), **fields}
    return await client.post(path, data=data, allow_redirects=False)


async def judge(
    client: Client, turn_id: UUID, queue: int | str | None = None, **fields: str
) -> Any:
    """Send the form of a turn; good where no verdict is given."""
    known = {"verdict": "good", "version": "0"} | ({"queue": str(queue)} if queue else {})
    return await post(client, f"/admin/reviews/turns/{turn_id}", **known | fields)


async def rows(database: AsyncEngine, statement: str, **values: object) -> list[dict[str, Any]]:
    """The rows of a statement."""
    async with database.connect() as connection:
        found = await connection.execute(text(statement), values)
        return [row._asdict() for row in found] if found.returns_rows else []
