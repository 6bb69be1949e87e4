"""The English twins of the dashboard's Korean sentences."""

from __future__ import annotations

ENGLISH: dict[str, str] = {}
