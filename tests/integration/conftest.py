"""Integration tests may ask for Postgres and Valkey."""

from __future__ import annotations

from tests.support.servers import (
    database_url,
    databases,
    empty_database_url,
    migrated_template,
    module_database_url,
    own_servers_dir,
    postgres_server,
    redis_url,
    second_module_database_url,
    servers_dir,
    valkey_url,
)

__all__ = [
    "database_url",
    "databases",
    "empty_database_url",
    "migrated_template",
    "module_database_url",
    "own_servers_dir",
    "postgres_server",
    "redis_url",
    "second_module_database_url",
    "servers_dir",
    "valkey_url",
]
