"""Public views. Every other view needs a login."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

_PUBLIC: set[Handler] = set()


def public(view: Handler) -> Handler:
    """Mark a view as public."""
    _PUBLIC.add(view)
    return view


def is_public(request: web.Request) -> bool:
    """Whether the request's view is public; an unknown path has no view."""
    return request.match_info.handler in _PUBLIC
