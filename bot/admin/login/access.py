"""Which views need no login. Whatever is not marked here is protected."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

_PUBLIC: set[Handler] = set()


def public(view: Handler) -> Handler:
    """Open a view to everybody."""
    _PUBLIC.add(view)
    return view


def is_public(request: web.Request) -> bool:
    """Whether the view that this request leads to is open; an unknown path leads to none."""
    return request.match_info.handler in _PUBLIC
