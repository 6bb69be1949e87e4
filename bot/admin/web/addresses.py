"""The addresses of the same page with other fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode


def in_url(query: Mapping[str, str], fields: Iterable[str], **changes: str) -> str:
    """The ``fields`` of a query as a query string, without empty ones and with ``changes``."""
    kept = {name: query.get(name, "") for name in fields} | changes
    return urlencode({name: value for name, value in kept.items() if value})
