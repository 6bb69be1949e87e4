"""The two URLs that every program needs, checked before anything starts."""

from __future__ import annotations

from runtime.database_url import DatabaseUrlError, read_database_url
from runtime.redis_url import RedisUrlError, read_redis_url


def store_url_errors(prefix: str, *, database_url: str, redis_url: str) -> list[str]:
    """A line for each URL that is missing or cannot be used, with the name of its setting."""
    lines = []
    for name, url in (("DATABASE_URL", database_url), ("REDIS_URL", redis_url)):
        if not url:
            lines.append(f"{prefix}{name} is not set")
            continue
        try:
            _ = read_database_url(url) if name == "DATABASE_URL" else read_redis_url(url)
        except (DatabaseUrlError, RedisUrlError) as error:
            lines.append(f"{prefix}{name}: {error}")
    return lines
