"""Reading of a skill request's JSON, in which every object may be missing or null."""

from __future__ import annotations

from typing import Any


def at(document: object, *path: str) -> object:
    """The value at the path; None where anything on it is no object."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def text_at(document: dict[str, Any], *path: str) -> str:
    """The text at the path; "" for anything else."""
    value = at(document, *path)
    return value if isinstance(value, str) else ""
