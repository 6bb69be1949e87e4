"""The dashboard without a database."""

from __future__ import annotations

from tests.support.admin import (
    clock,
    closed_client,
    offline,
    start_admin,
    stranger,
    unreachable,
)

__all__ = [
    "clock",
    "closed_client",
    "offline",
    "start_admin",
    "stranger",
    "unreachable",
]
