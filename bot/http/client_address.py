"""The client behind a proxy, or without one: its address, and whether it uses https."""

from __future__ import annotations

from aiohttp import web

from runtime.ip_address import IpAddress, parse_address

_FORWARDED_FOR = "X-Forwarded-For"
_FORWARDED_PROTO = "X-Forwarded-Proto"


def client_address(request: web.Request, *, behind_proxy: bool) -> IpAddress | None:
    """The client's address as the nearest proxy saw it, or the peer's; None: unreadable.

    ``behind_proxy``: the bot is reached through a proxy only, which writes the header itself.
    """
    seen = _nearest(request, _FORWARDED_FOR) if behind_proxy else ""
    return parse_address(seen or request.remote or "")


def is_https(request: web.Request, *, behind_proxy: bool) -> bool:
    """Whether the client uses https; a proxy's header counts only behind a proxy."""
    if behind_proxy:
        return _nearest(request, _FORWARDED_PROTO).lower() == "https"
    return request.secure


def is_forwarded(request: web.Request) -> bool:
    """Whether a proxy seems to have passed the request on; a client can write the header, too."""
    return _FORWARDED_FOR in request.headers


def _nearest(request: web.Request, header: str) -> str:
    """The nearest proxy's word: the last element of the last line.

    Proxies append to what came with the request, some in a line of their own (RFC 9110, 5.3).
    """
    elements = ",".join(request.headers.getall(header, ())).split(",")
    return next((element.strip() for element in reversed(elements) if element.strip()), "")
