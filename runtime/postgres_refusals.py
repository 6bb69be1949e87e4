"""Why Postgres did not accept a connection, as a clause for an operator."""

from __future__ import annotations

import asyncpg

from runtime.database_url import DatabaseUrl
from runtime.network_errors import network_cause

_NO_TLS = "it does not offer TLS: take sslmode= out of the URL, or switch TLS on there"


def connection_cause(error: BaseException, url: DatabaseUrl) -> str:
    """The cause, without a password: what the server said, or what the network did."""
    if isinstance(error, asyncpg.PostgresError):
        return _said_by_server(error, url)
    if "rejected SSL upgrade" in str(error):
        return _NO_TLS
    if cause := network_cause(error):
        return cause
    if isinstance(error, ValueError):  # asyncpg's own check of a parameter; it names the parameter
        return _first_line(error)
    return f"it did not answer as Postgres does ({type(error).__name__})"


def _said_by_server(error: asyncpg.PostgresError, url: DatabaseUrl) -> str:
    user, database = url.user or "(default)", url.database or url.user or "(default)"
    sentences = {
        "28P01": f'wrong password for the user "{user}"',
        "28000": f'the user "{user}" may not log in: {_first_line(error)}',
        "3D000": f'there is no database "{database}"',
        "42501": f'the user "{user}" may not use the database "{database}"',
        "42704": f"a parameter of the URL is refused: {_first_line(error)}",
        "22023": f"a parameter of the URL is refused: {_first_line(error)}",
        "53300": "all its connections are taken: raise max_connections, or run fewer programs",
        "57P03": "it is starting up or shutting down",
    }
    state = str(getattr(error, "sqlstate", "") or "")
    return sentences.get(state, f"{_first_line(error)} (SQLSTATE {state or 'unknown'})")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
