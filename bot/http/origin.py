"""The origins of local listeners, and of URLs."""

from __future__ import annotations

from ipaddress import ip_address

from yarl import URL


def origin(host: str, port: int) -> str:
    """The origin of a listener on ``host`` for its own machine: ``http://127.0.0.1:8080``.

    Wildcard addresses become the loopback address of their family: asyncio binds ``::`` for IPv6
    only. An IPv6 address is put into brackets (RFC 3986, 3.2.2).
    """
    reached = _reached(host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def origin_of(url: str) -> str:
    """The origin of a configured URL; "" for one that cannot be read, which allows no call."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return ""


def _reached(host: str) -> str:
    try:
        address = ip_address(host or "0.0.0.0")  # noqa: S104 - nothing listens here
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
