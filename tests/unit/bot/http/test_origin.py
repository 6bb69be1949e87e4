"""The origin of a listener is one that its own machine can reach."""

from __future__ import annotations

import pytest

from bot.http.origin import origin


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("localhost", "http://localhost:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("::0", "http://[::1]:8080"),
        ("::1", "http://[::1]:8080"),
        ("2001:db8::7", "http://[2001:db8::7]:8080"),
    ],
)
def test_the_origin_names_an_address_that_this_machine_reaches(host: str, expected: str) -> None:
    assert origin(host, 8080) == expected
