"""Postgres URLs as the large hosts write them, and the sentences for those that cannot work."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.database_url import DatabaseUrlError, read_database_url


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the certificates of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


@pytest.mark.parametrize(
    ("raw", "place", "dsn"),
    [
        ("postgresql://u:p@db.example/d", "db.example:5432", None),
        ("postgres://u:p@db.example:6543/d", "db.example:6543", None),
        ("postgresql+asyncpg://bot@/bot?host=/tmp/x&port=5433", "/tmp/x", None),
        ("postgresql://bot@%2Ftmp%2Fx/bot", "/tmp/x", None),
        ("postgresql://u:p@[::1]:5433/d", "[::1]:5433", None),
        ("postgresql://u@a:1,b:2/d", "a:1, b:2", None),
        ("postgresql://u:p@a,b:2/d?application_name=x", "a:5432, b:2", "application_name=x"),
        ("postgresql://u@/d?host=a,b&port=1,2", "a:1, b:2", None),
        ("postgresql://u@/d?host=a&host=b&port=7", "a:7, b:7", None),
        # Neon
        (
            "postgresql://u:p@ep-x-pooler.eu.aws.neon.tech/d?sslmode=require&channel_binding=require",
            "ep-x-pooler.eu.aws.neon.tech:5432",
            "sslmode=require",
        ),
        ("postgresql://u@h/d?options=endpoint%3Dep-x", "h:5432", "options=endpoint%3Dep-x"),
        # Cockroach, Aiven, DigitalOcean, Azure, Supabase, Heroku
        (
            "postgresql://u@h:26257/d?options=--cluster%3Dx-1",
            "h:26257",
            "options=--cluster%3Dx-1",
        ),
        ("postgres://u@h:25060/d?sslmode=require", "h:25060", "sslmode=require"),
        ("postgres://u@h/d?sslmode=no-verify", "h:5432", "sslmode=require"),
        ("postgres://u@h/d?ssl=true", "h:5432", "sslmode=require"),
        ("postgres://u@h/d?ssl=false", "h:5432", "sslmode=disable"),
        ("postgres://u@h/d?connect_timeout=10&keepalives=1&gssencmode=disable", "h:5432", None),
        ("postgres://u@h/d?schema=public&pgbouncer=false&connection_limit=5", "h:5432", None),
        (
            "postgres://u@h/d?target_session_attrs=read-write&statement_timeout=9000",
            "h:5432",
            "target_session_attrs=read-write&statement_timeout=9000",
        ),
    ],
)
def test_urls_of_the_large_hosts_work(raw: str, place: str, dsn: str | None) -> None:
    url = read_database_url(raw)
    given = url.connect_args()
    assert url.place == place
    assert given.get("dsn") == (dsn and f"postgresql://?{dsn}")
    assert "ssl" not in given


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("mysql://u:sekret@h/d", "a postgresql:// URL is needed, not mysql://"),
        ("sekret@h", "it cannot be read: postgresql://"),
        ("", "it cannot be read: postgresql://"),
        ("postgresql://u:sekret@h:port/d", "its port is not a number"),
        ("postgresql://u:sek#/ret@h:99999/d", "port=99999: a number from 1 to 65535"),
        ("postgresql://u:sekret@h/d?sslmode=strict", "sslmode=strict: one of disable"),
        ("postgresql://u:sekret@h/d?sslmod=require", "sslmod: Postgres URLs have no such"),
        ("postgresql://u:sekret@h/d?sslrootcert=/nowhere/ca.pem", "sslrootcert=/nowhere/ca.pem: "),
        ("postgresql://u:sekret@h/d?sslcert=/nowhere/c.pem", "sslcert=/nowhere/c.pem: there is no"),
        ("postgresql://u:sekret@h/d?sslkey=/nowhere/c.key", "sslkey=/nowhere/c.key: there is no"),
        ("postgresql://u:sekret@h/d?pgbouncer=true", "pgbouncer: a pooler in transaction mode"),
        ("postgresql://u:sekret@h/d?hostaddr=10.0.0.1", "hostaddr: write the address"),
        ("postgresql://u:sekret@h/d?schema=mine", "schema: write options=-csearch_path%3DNAME"),
        ("postgresql://u:sekret@h/d?replication=database", "replication: a replication connection"),
        ("postgresql://u:sekret@h/d?statement_cache_size=few", "statement_cache_size: it is not"),
        (
            "postgresql://u:sekret@h/d?target_session_attrs=rw",
            "target_session_attrs=rw: one of any,",
        ),
        ("postgresql://u:p@sekret@h/d", "its host has an @ (a password with"),
        ("postgresql://u:p@sekret@h1,h2/d", "its host has an @ (a password with"),
        ("postgresql://u:sekret@h/d?require_auth=scram-sha-256", "require_auth: "),
    ],
)
def test_what_cannot_work_is_a_sentence_that_names_the_parameter(raw: str, words: str) -> None:
    with pytest.raises(DatabaseUrlError) as refused:
        read_database_url(raw)
    assert str(refused.value).startswith(words)
    assert "sek" not in str(refused.value)


def test_the_roots_of_the_system_are_used_where_they_are_asked_for() -> None:
    for query in (
        "sslmode=verify-full&sslrootcert=system",
        "sslrootcert=system",
        "sslmode=verify-ca",
    ):
        given = read_database_url(f"postgresql://u@h/d?{query}").connect_args()
        context: ssl.SSLContext = given["ssl"]
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert "dsn" not in given


def test_a_root_certificate_of_ones_own_is_handed_on(tmp_path: Path) -> None:
    root = tmp_path / "ca.pem"
    root.write_text("")
    given = read_database_url(
        f"postgresql://u@h/d?sslmode=verify-full&sslrootcert={root}"
    ).connect_args()
    assert "ssl" not in given
    assert "sslrootcert=" in given["dsn"]


def test_what_has_no_effect_is_named_for_the_doctor() -> None:
    url = read_database_url("postgresql://u@h/d?channel_binding=require&connect_timeout=5")
    assert url.without_effect == ("channel_binding", "connect_timeout")


def test_the_caches_of_statements_can_be_switched_off() -> None:
    url = read_database_url(
        "postgresql://u@h/d?statement_cache_size=0&prepared_statement_cache_size=0"
    )
    assert url.connect_args()["statement_cache_size"] == 0
    assert url.caches["prepared_statement_cache_size"] == 0


def test_a_password_is_neither_shown_nor_changed() -> None:
    url = read_database_url("postgresql://u:p%40ss%2F%ED%95%9C,#?x@h/%ED%95%9C")
    assert url.password == "p@ss/한,#?x"
    assert url.database == "한"
    assert "ss" not in repr(url)


@given(st.text(max_size=80))
def test_no_text_is_more_than_refused(raw: str) -> None:
    _read("postgresql://" + raw)
    _read("postgresql://u:p@h/d?" + raw)
    _read(raw)


def _read(raw: str) -> Any:
    try:
        return read_database_url(raw).connect_args()
    except DatabaseUrlError:
        return None
