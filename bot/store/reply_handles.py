"""Reply handles as JSON-ready plain data."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.domain.deliveries import DeliveryVia, ReplyHandle


def dump_handle(handle: ReplyHandle) -> dict[str, Any]:
    """The handle as JSON-ready plain data."""
    return {
        "via": handle.via.value,
        "address": handle.address,
        "sync_until": stamp(handle.sync_until),
        "callback_until": stamp(handle.callback_until),
        "expires_at": stamp(handle.expires_at),
    }


def stamp(moment: datetime | None) -> str | None:
    """A moment as JSON-ready text."""
    return moment.isoformat() if moment else None


def load_handle(stored: dict[str, Any]) -> ReplyHandle:
    """Read a stored handle back. Raises KeyError, TypeError or ValueError for anything else."""

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(stored[name]) if stored[name] else None

    return ReplyHandle(
        via=DeliveryVia(stored["via"]),
        address=stored["address"],
        sync_until=moment("sync_until"),
        callback_until=moment("callback_until"),
        expires_at=datetime.fromisoformat(stored["expires_at"]),
    )
