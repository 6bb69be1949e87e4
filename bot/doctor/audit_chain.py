"""Whether the audit log is as it was written."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.findings import Finding, Verdict
from bot.store.audit_chain import check_chain


async def check_audit_chain(connection: AsyncConnection) -> Finding:
    """Compute the chain of hashes once more, and say where it breaks. Raises DATABASE_ERRORS."""
    found = await check_chain(connection)
    if found.broken_at is not None:
        return Finding(
            Verdict.WRONG,
            f"The audit log breaks at row {found.broken_at}: {found.cause}. Somebody with the "
            "rights of its tables changed it: restore it from a backup, and see who has them.",
        )
    if not found.rows:
        return Finding(Verdict.OK, "The audit log is empty.")
    return Finding(
        Verdict.OK,
        f"The audit log's {found.rows:,} rows are whole; the last, {found.newest}, has the hash "
        f"{found.newest_hash}.",
    )
