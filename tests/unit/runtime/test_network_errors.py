"""The cause of a failed connection, in an operator's words."""

from __future__ import annotations

import socket

import pytest

from runtime.network_errors import network_cause


@pytest.mark.parametrize("host", ["db..example.com", f"{'a' * 64}.example.com"])
def test_a_name_that_no_host_can_have_is_no_host(host: str) -> None:
    with pytest.raises(UnicodeError) as refused:
        socket.getaddrinfo(host, 5432)
    assert network_cause(refused.value).startswith("there is no such host")


def test_a_socket_whose_path_is_too_long_is_told() -> None:
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError, match="long") as refused:
        client.connect("/tmp" + "/a" * 100)
    assert "path of the socket is longer" in network_cause(refused.value)


def test_an_answer_that_is_no_text_says_nothing_of_the_host() -> None:
    with pytest.raises(UnicodeDecodeError) as refused:
        b"\xff".decode()
    assert network_cause(refused.value) == ""
