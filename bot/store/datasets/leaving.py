"""A person leaves the data sets: erased, or left out of training. The commit is the caller's."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.datasets import checks, items, progress
from bot.store.exports import orders
from inference_queue.background import client


async def leave(connection: AsyncConnection, person: str) -> int:
    """Delete the person's items out of all data sets, with their jobs; the items' number.

    ``person``: the digest of the key. Waits for the steps that run, so that none adds an item
    afterwards of what it has read before.
    """
    await progress.hold_open(connection)
    await client.cancel_jobs(connection, await checks.of_person(connection, person))
    return await items.remove_person(connection, person)


async def leave_files(connection: AsyncConnection, person: str) -> int:
    """Delete the exported files that hold the person's words; their number."""
    return await orders.withdraw(connection, person)
