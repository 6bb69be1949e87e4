"""Who may use the simulator: only pages of its own origin, and no host of a stranger's."""

from __future__ import annotations

import errno
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_FOREIGN_HOST = "시뮬레이터는 IP 주소나 localhost로만 열 수 있습니다."
_FOREIGN_PAGE = "이 페이지에서만 보낼 수 있습니다."


@web.middleware
async def local_hosts_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 421 every Host that is neither an IP address nor a name without dots.

    A page on evil.example that points its own name here (DNS rebinding) would otherwise have the
    same origin as the simulator.
    """
    host = re.sub(r":[0-9]*$", "", request.host)
    if "." in host and not _is_ip_address(host.strip("[]")):
        raise web.HTTPMisdirectedRequest(text=_FOREIGN_HOST)
    return await handler(request)


@web.middleware
async def long_names_not_found(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 404 for a file name beyond the file system's limit; aiohttp would answer 500."""
    try:
        return await handler(request)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise web.HTTPNotFound from error
        raise


async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Set the security headers of every response."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-cache")


def require_same_origin(request: web.Request, *, needs_proof: bool = True) -> None:
    """Raise 403 for requests of other sites; ``needs_proof``: also for those without an origin."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = site not in {None, "same-origin"} or (
        origin is not None and _netloc(origin) != request.host
    )
    if foreign or (needs_proof and site is None and origin is None):
        raise web.HTTPForbidden(text=_FOREIGN_PAGE)


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
