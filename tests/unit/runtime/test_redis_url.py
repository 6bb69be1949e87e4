"""URLs of Valkey and Redis, and the sentences for those that cannot work."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.redis_client import connect_redis, redis_place
from runtime.redis_url import RedisUrlError, read_redis_url


@pytest.mark.parametrize(
    ("raw", "place", "arguments"),
    [
        ("redis://h", "h:6379", {}),
        ("redis://:p%40@h:7/3", "h:7", {"password": "p@", "db": 3}),
        ("rediss://default:p@h:6380", "h:6380", {"username": "default", "password": "p"}),
        ("rediss://h?ssl_cert_reqs=CERT_NONE", "h:6379", {"ssl_cert_reqs": "none"}),
        ("rediss://h?ssl_check_hostname=false", "h:6379", {"ssl_check_hostname": False}),
        ("redis://h?family=0&socket_timeout=99&decode_responses=false", "h:6379", {}),
        ("rediss://h?tls=true", "h:6379", {}),
        ("redis://h?protocol=3&client_name=bot&db=2", "h:6379", {"protocol": 3, "db": 2}),
        ("unix:///run/v%20k.sock?db=1", "/run/v k.sock", {"path": "/run/v k.sock", "db": 1}),
        ("redis://[::1]:7", "[::1]:7", {"host": "::1"}),
    ],
)
async def test_urls_of_the_large_hosts_work(
    raw: str, place: str, arguments: dict[str, Any]
) -> None:
    url = read_redis_url(raw)
    assert url.place == place
    assert arguments.items() <= url.arguments.items()
    async with connect_redis(raw) as redis:  # its connection takes the arguments
        pool = redis.connection_pool
        connection = pool.connection_class(**pool.connection_kwargs)
        assert connection.socket_timeout == 0.4
        assert redis_place(redis).replace("[", "").replace("]", "") == place.strip("[").replace(
            "]", ""
        )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("localhost:6379", "it cannot be read: redis://HOST:6379/0 is meant"),
        ("", "it cannot be read: redis://HOST:6379/0 is meant"),
        ("http://h", "it cannot be read: redis://HOST:6379/0 is meant"),
        ("redis://:sekret@h:port", "its port is not a number"),
        ("redis://:sekret@h/first", "the database: a number is needed"),
        ("redis://:sekret@h?db=one", "db: a number is needed"),
        ("redis://:sekret@h?foo=1", "foo: URLs of Redis have no such parameter"),
        ("redis://:sekret@h?ssl=true", "ssl: TLS is asked for by rediss:// instead"),
        ("redis://:sekret@h?ssl_cert_reqs=none", "ssl_cert_reqs: it needs rediss://"),
        ("rediss://:sekret@h?ssl_cert_reqs=maybe", "ssl_cert_reqs=maybe: one of none"),
        ("rediss://:sekret@h?ssl_ca_certs=/nowhere", "ssl_ca_certs=/nowhere: there is no"),
        ("rediss://:sekret@h?ssl_check_hostname=so", "ssl_check_hostname=so: true or false"),
        ("redis://:sekret@h?protocol=9", "protocol=9: 2 or 3 is needed"),
        ("redis://:12#sekret@h:6379/0", "it has a # (a password with"),
        ("unix://?db=1", "it names no socket"),
    ],
)
def test_what_cannot_work_is_a_sentence_that_names_the_parameter(raw: str, words: str) -> None:
    with pytest.raises(RedisUrlError) as refused:
        read_redis_url(raw)
    assert str(refused.value).startswith(words)
    assert "sekret" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    assert "sekret" not in repr(read_redis_url("redis://:sekret@h"))


@given(st.text(max_size=80))
def test_no_text_is_more_than_refused(raw: str) -> None:
    for url in (raw, "redis://" + raw, "rediss://h/0?" + raw, "unix://" + raw):
        try:
            read_redis_url(url)
        except RedisUrlError:
            continue
