"""The dashboard on real Postgres, and in Chromium."""

from __future__ import annotations

from tests.support.admin import (
    clock,
    closed_client,
    database,
    offline,
    operator,
    start_admin,
    stranger,
    unreachable,
)
from tests.support.browser import browser_page

__all__ = [
    "browser_page",
    "clock",
    "closed_client",
    "database",
    "offline",
    "operator",
    "start_admin",
    "stranger",
    "unreachable",
]
