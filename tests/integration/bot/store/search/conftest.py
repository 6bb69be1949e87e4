"""A database with an engine on it."""

from __future__ import annotations

from tests.support.admin import database

__all__ = ["database"]
