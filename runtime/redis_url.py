"""Redis and Valkey URLs, as the large hosts write them, for redis-py.

redis-py hands every parameter to its connection: an unknown one fails at the first command, and
``socket_timeout`` would replace the program's own time-outs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_DEFAULT_PORT = 6379
_ENCODED = "(a password with : / ? # or @ needs them percent-encoded)"
_MEANT = "redis://HOST:6379/0 is meant (rediss:// with TLS, unix:///PATH for a socket)"
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
#: Waits, pools and encodings are set by this program.
_WITHOUT_EFFECT = frozenset(
    {
        "decode_responses",
        "encoding",
        "family",
        "health_check_interval",
        "max_connections",
        "retry_on_timeout",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_read_size",
        "socket_timeout",
        "timeout",
    }
)
_TLS_WORDS = frozenset({"ssl", "tls", "use_tls", "use_ssl"})
_REQUIREMENTS = ("none", "optional", "required")


class RedisUrlError(ValueError):
    """The URL cannot be used; the text names the parameter, and holds no part of a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """A URL of Valkey or Redis, read."""

    place: str  #: where the server is, such as ``cache.example.com:6379``; for sentences
    tls: bool
    arguments: dict[str, Any] = field(repr=False)  #: for redis-py's connection
    without_effect: tuple[str, ...] = ()  #: the names of accepted parameters that change nothing

    @property
    def is_socket(self) -> bool:
        """Whether it is a Unix socket."""
        return "path" in self.arguments


def read_redis_url(raw: str) -> RedisUrl:
    """Read a ``redis://``, ``rediss://`` or ``unix://`` URL. Raises RedisUrlError."""
    try:
        parts = urlsplit(raw)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        raise RedisUrlError(f"its port is not a number {_ENCODED}") from None
    if parts.fragment:
        raise RedisUrlError(f"it has a # {_ENCODED}")
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise RedisUrlError(f"it cannot be read: {_MEANT}")
    tls = parts.scheme == "rediss"
    query = {name: value for name, value in parse_qsl(parts.query) if value}
    credentials = {"username": parts.username, "password": parts.password}
    arguments: dict[str, Any] = {
        name: unquote(value) for name, value in credentials.items() if value
    }
    place = _place(parts, port)
    arguments |= {"path": place} if parts.scheme == "unix" else {"host": _host(parts), "port": port}
    return RedisUrl(
        place=place,
        tls=tls,
        arguments=arguments | _database(parts) | _parameters(query, tls=tls),
        without_effect=tuple(sorted(_WITHOUT_EFFECT & query.keys())),
    )


def _host(parts: SplitResult) -> str:
    return unquote(parts.hostname or "localhost")


def _place(parts: SplitResult, port: int) -> str:
    if parts.scheme == "unix":
        if not parts.path:
            raise RedisUrlError(f"it names no socket: {_MEANT}")
        return unquote(parts.path)
    host = _host(parts)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _database(parts: SplitResult) -> dict[str, int]:
    """The number of the database in the path."""
    named = "" if parts.scheme == "unix" else parts.path.strip("/")
    return {"db": _number(named, "the database")} if named else {}


def _parameters(query: dict[str, str], *, tls: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in query.items():
        if name in _WITHOUT_EFFECT:
            continue
        if name in _TLS_WORDS:
            if _boolean(value, name) is not tls:
                raise RedisUrlError(f"{name}: TLS is asked for by rediss:// instead of redis://")
            continue
        if name not in _READERS:
            raise RedisUrlError(f"{name}: URLs of Redis have no such parameter here")
        if name.startswith("ssl_") and not tls:
            raise RedisUrlError(f"{name}: it needs rediss:// instead of redis://")
        found[name] = _READERS[name](value, name)
    return found


def _as_is(value: str, _name: str) -> str:
    return value


def _number(value: str, name: str) -> int:
    if not value.isascii() or not value.isdecimal():
        raise RedisUrlError(f"{name}: a number is needed")
    return int(value)


def _protocol(value: str, name: str) -> int:
    if value not in ("2", "3"):
        raise RedisUrlError(f"{name}={value[:20]}: 2 or 3 is needed")
    return int(value)


def _boolean(value: str, name: str) -> bool:
    if value.casefold() not in _BOOLEANS:
        raise RedisUrlError(f"{name}={value[:20]}: true or false is needed")
    return _BOOLEANS[value.casefold()]


def _requirement(value: str, name: str) -> str:
    word = value.casefold().removeprefix("cert_")
    if word not in _REQUIREMENTS:
        raise RedisUrlError(f"{name}={value[:20]}: one of {', '.join(_REQUIREMENTS)} is needed")
    return word


def _readable(value: str, name: str) -> str:
    if not os.access(value, os.R_OK):
        raise RedisUrlError(f"{name}={value}: there is no such file, or it cannot be read")
    return value


_READERS: dict[str, Callable[[str, str], object]] = {
    "client_name": _as_is,
    "db": _number,
    "password": _as_is,
    "protocol": _protocol,
    "ssl_ca_certs": _readable,
    "ssl_ca_path": _readable,
    "ssl_cert_reqs": _requirement,
    "ssl_certfile": _readable,
    "ssl_check_hostname": _boolean,
    "ssl_keyfile": _readable,
    "ssl_password": _as_is,
    "username": _as_is,
}
