"""Postgres URLs, as libpq and the large hosts write them, for asyncpg.

asyncpg takes every parameter that it does not know for a setting of the server, which then refuses
the connection. So each parameter is either handed on, known to have no effect here, or refused
with a sentence (PostgreSQL documentation, 34.1.2).
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DEFAULT_PORT = 5432
_ENCODED = "(a password with : / ? # or @ needs them percent-encoded)"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
#: Spellings of sslmode by other drivers.
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
_SSL_WORDS["no-verify"] = "require"
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
#: Parameters that asyncpg's DSN parser knows.
_OF_ASYNCPG = frozenset(
    {
        *_FILES,
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "service",
    }
)
#: Settings of the session: they go to the server as they are.
_OF_THE_SERVER = frozenset(
    {
        "application_name",
        "options",
        "search_path",
        "timezone",
        "TimeZone",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "client_min_messages",
        "work_mem",
        "jit",
    }
)
#: Parameters that tune another client: waits, pools and encodings are set by this program.
_WITHOUT_EFFECT = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "command_timeout",
        "connect_timeout",
        "connection_limit",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "max_protocol_version",
        "min_protocol_version",
        "pool_max_conns",
        "pool_size",
        "pool_timeout",
        "sslcertmode",
        "sslcompression",
        "sslsni",
        "tcp_user_timeout",
        "timeout",
    }
)
_ADVICE = {
    "hostaddr": "write the address in place of the host name",
    "pgbouncer": "a pooler in transaction mode cannot be used: take the direct address",
    "replication": "a replication connection is of no use here",
    "schema": "write options=-csearch_path%3DNAME instead",
}
_CACHES = ("statement_cache_size", "prepared_statement_cache_size")
_HOSTS = re.compile(
    r"(\w[\w+]*://(?:[^:/@]*(?::[^@]*)?@)?)([^/?@\[\]]*,[^/?@\[\]]*)((?:[/?].*)?)", re.DOTALL
)


class DatabaseUrlError(ValueError):
    """The URL cannot be used; the text names the parameter, and holds no part of a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A Postgres URL, read."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()  #: names, addresses or socket folders; empty: libpq's defaults
    ports: tuple[int, ...] = ()  #: one for each host
    database: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)  #: for asyncpg's DSN
    caches: Mapping[str, int] = field(default_factory=dict)
    without_effect: tuple[str, ...] = ()  #: the names of accepted parameters that change nothing
    #: Verify the server by the system's certificates, as sslrootcert=system asks.
    system_roots: bool = False

    @property
    def place(self) -> str:
        """Where the server is, such as ``db.example.com:5432``; for sentences."""
        if not self.hosts:
            return os.environ.get("PGHOST") or "the local socket"
        pairs = zip(self.hosts, self.ports, strict=True)
        return ", ".join(h if h.startswith("/") else f"{_bracketed(h)}:{p}" for h, p in pairs)

    def connect_args(self) -> dict[str, Any]:
        """The arguments for ``asyncpg.connect``."""
        arguments: dict[str, Any] = {
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "host": list(self.hosts) or None,
            "port": list(self.ports) or None,
            **{name: size for name, size in self.caches.items() if name == "statement_cache_size"},
        }
        parameters = dict(self.parameters)
        if self.system_roots:
            arguments["ssl"] = _system_context(parameters)
        if parameters:
            arguments["dsn"] = f"postgresql://?{urlencode(parameters, quote_via=quote)}"
        return arguments


def read_database_url(raw: str) -> DatabaseUrl:
    """Read a ``postgresql://`` or ``postgres://`` URL. Raises DatabaseUrlError."""
    url, hosts = _parsed(raw)
    query = {name: _last(value) for name, value in url.query.items()}
    listed = query.pop("host", "") if isinstance(url.query.get("host"), str) else ""
    if isinstance(repeated := url.query.get("host"), tuple):
        query.pop("host", None)
        listed = ",".join(repeated)
    names, ports = _addresses(
        hosts or listed or (url.host or ""), query.pop("port", "") or str(url.port or "")
    )
    database = query.pop("dbname", "") or query.pop("database", "") or url.database
    return DatabaseUrl(
        user=url.username or query.pop("user", None),
        password=_text(url.password) or query.pop("password", None),
        hosts=names,
        ports=ports,
        database=database or None,
        caches={name: _number(name, query.pop(name)) for name in _CACHES if name in query},
        **_parameters(query),
    )


def _parsed(raw: str) -> tuple[URL, str]:
    """The URL, and its list of hosts where it names several."""
    several = _HOSTS.fullmatch(raw)
    try:
        url = _plain(raw) or make_url(several[1] + several[3] if several else raw)
    except ArgumentError:
        raise DatabaseUrlError(
            "it cannot be read: postgresql://USER:PASSWORD@HOST:5432/DATABASE is meant"
        ) from None
    except ValueError:
        raise DatabaseUrlError(f"its port is not a number {_ENCODED}") from None
    if url.drivername.split("+")[0] not in ("postgres", "postgresql"):
        raise DatabaseUrlError(f"a postgresql:// URL is needed, not {url.drivername}://")
    return url, several[2] if several and not url.host else ""


def _plain(raw: str) -> URL | None:
    """The URL; None where it may name several hosts, which SQLAlchemy does not read."""
    try:
        url = make_url(raw)
    except ValueError:
        return None
    return None if "," in (url.host or "") else url


def _addresses(hosts: str, ports: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The hosts and a port for each, from ``a:1,b:2`` or from ``a,b`` and ``1,2``."""
    if not hosts:
        return (), ()
    names, found = [], []
    given = ports.split(",") if ports else []
    for number, spec in enumerate(hosts.split(",")):
        name, _, own = (spec, "", "") if _has_no_port(spec) else spec.rpartition(":")
        shared = given[number] if len(given) > number else (given[0] if len(given) == 1 else "")
        if "@" in name:  # the end of a password, which no sentence may repeat
            raise DatabaseUrlError(f"its host has an @ {_ENCODED}")
        names.append(unquote(name).strip("[]"))
        found.append(_port(own or shared))
    return tuple(names), tuple(found)


def _has_no_port(spec: str) -> bool:
    """Whether a host is written alone; a bare IPv6 address has colons of its own."""
    return spec.startswith("/") or spec.endswith("]") or (spec.count(":") != 1 and "]:" not in spec)


def _port(raw: str) -> int:
    port = _number("port", raw) if raw else _DEFAULT_PORT
    if not 0 < port <= 65_535:
        raise DatabaseUrlError(f"port={port}: a number from 1 to 65535 is needed")
    return port


def _parameters(query: dict[str, str]) -> dict[str, Any]:
    """The fields of DatabaseUrl for the remaining parameters."""
    known = _OF_ASYNCPG | _OF_THE_SERVER
    without_effect = sorted(name for name in query if name in _WITHOUT_EFFECT)
    handed_on = {
        name: value
        for name, value in query.items()
        if value and name not in _WITHOUT_EFFECT and not _is_harmless(name, value)
    }
    if "ssl" in handed_on:
        handed_on.setdefault("sslmode", handed_on.pop("ssl"))
    for name in handed_on:
        if name not in known:
            advice = _ADVICE.get(
                name, "Postgres URLs have no such parameter, or it has no use here"
            )
            raise DatabaseUrlError(f"{name}: {advice}")
    session = handed_on.get("target_session_attrs", "any")
    if session not in _SESSIONS:
        wanted = f"one of {', '.join(_SESSIONS)} is needed"
        raise DatabaseUrlError(f"target_session_attrs={session[:20]}: {wanted}")
    system_roots = _read_tls(handed_on)
    return {
        "parameters": handed_on,
        "without_effect": tuple(without_effect),
        "system_roots": system_roots,
    }


def _is_harmless(name: str, value: str) -> bool:
    off = name == "pgbouncer" and value == "false"
    return off or (name == "schema" and value == "public")


def _read_tls(parameters: dict[str, str]) -> bool:
    """Check the parameters of TLS; whether the system's root certificates are to be used."""
    if mode := parameters.get("sslmode"):
        mode = parameters["sslmode"] = _SSL_WORDS.get(mode, mode)
        if mode not in _SSL_MODES:
            raise DatabaseUrlError(f"sslmode={mode[:20]}: one of {', '.join(_SSL_MODES)} is needed")
    roots = parameters.get("sslrootcert") or os.environ.get("PGSSLROOTCERT", "")
    if roots == "system":
        parameters.pop("sslrootcert", None)
    _check_files(parameters)
    if mode == "disable":
        return False
    wants_roots = (mode or "").startswith("verify-") and not roots
    return roots == "system" or (wants_roots and not _own_roots().exists())


def _check_files(parameters: Mapping[str, str]) -> None:
    for name in _FILES:
        path = parameters.get(name)
        if path and name != "passfile" and not os.access(path, os.R_OK):
            raise DatabaseUrlError(f"{name}={path}: there is no such file, or it cannot be read")


def _own_roots() -> Path:
    return Path("~/.postgresql/root.crt").expanduser()


def _system_context(parameters: dict[str, str]) -> ssl.SSLContext:
    """A context that verifies certificate and host name, with the client's certificate if any."""
    context = ssl.create_default_context()
    certificate, key = parameters.pop("sslcert", None), parameters.pop("sslkey", None)
    if certificate:
        context.load_cert_chain(certificate, key, parameters.pop("sslpassword", None))
    for name in ("sslmode", "sslcrl"):
        parameters.pop(name, None)
    return context


def _last(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else list(value)[-1]


def _text(value: object) -> str | None:
    return str(value) if value is not None else None


def _number(name: str, raw: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", raw):
        raise DatabaseUrlError(f"{name}: it is not a number")
    return int(raw)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
