"""Addresses in every spelling, and none that leads inside under another name."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.ip_address import is_loopback, is_public, network, parse_address

_SERVER = int(IPv4Address("65.54.227.120"))


def _isatap(first: int) -> Callable[[int], int]:
    return lambda bits: (0x2606_4700 << 96) | (first << 32) | bits


#: Each way to write an IPv4 address into an IPv6 address, by its name.
EMBEDDINGS: dict[str, Callable[[int], int]] = {
    "compatible": lambda bits: bits,
    "mapped": lambda bits: (0xFFFF << 32) | bits,
    "translated": lambda bits: (0xFFFF << 48) | bits,
    "NAT64": lambda bits: (0x64_FF9B << 96) | bits,
    "local NAT64": lambda bits: (0x64_FF9B_0001 << 80) | bits,
    "local NAT64, a subnet": lambda bits: (0x64_FF9B_0001 << 80) | (0xABCD << 64) | bits,
    "local NAT64 of 64 bits": lambda bits: (0x64_FF9B_0001_0007 << 64) | (bits << 24),
    "local NAT64 of 56 bits": lambda bits: (
        (0x64_FF9B_0001_07 << 72) | (bits >> 24 << 64) | ((bits & 0xFFFFFF) << 32)
    ),
    "local NAT64 of 48 bits": lambda bits: (
        (0x64_FF9B_0001 << 80) | (bits >> 16 << 64) | ((bits & 0xFFFF) << 40)
    ),
    "6to4": lambda bits: (0x2002 << 112) | (bits << 80) | 1,
    "Teredo client": lambda bits: (0x2001 << 112) | (_SERVER << 64) | (bits ^ 0xFFFFFFFF),
    "Teredo server": lambda bits: (0x2001 << 112) | (bits << 64) | (_SERVER ^ 0xFFFFFFFF),
    "ISATAP": _isatap(0x0000_5EFE),
    "ISATAP, globally unique": _isatap(0x0200_5EFE),
}
#: What reaches a public IPv4 address through them: the rest is refused altogether.
USABLE = ("mapped", "NAT64", "local NAT64", "6to4", "ISATAP")

INSIDE = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.64.0.1",
    "192.0.0.10",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
)


@pytest.mark.parametrize("embedding", EMBEDDINGS)
@pytest.mark.parametrize("address", INSIDE)
def test_no_embedding_makes_an_inner_address_public(embedding: str, address: str) -> None:
    assert not is_public(address)
    assert not is_public(str(IPv6Address(EMBEDDINGS[embedding](int(IPv4Address(address))))))


@given(st.sampled_from(sorted(EMBEDDINGS)), st.ip_addresses(v=4))
def test_an_embedded_address_is_at_most_as_public_as_itself(
    embedding: str, address: IPv4Address
) -> None:
    outer = str(IPv6Address(EMBEDDINGS[embedding](int(address))))
    assert is_public(outer) <= is_public(str(address))
    if embedding in USABLE and int(address) & 0xFFFFFF:
        assert is_public(outer) == is_public(str(address))


@pytest.mark.parametrize(
    "address",
    [
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b:1::7f00:1",
        "fec0::1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "ff0e::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "",
        "localhost",
        "127.1",
        "1.1.1.1:80",
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "2606:4700::1111", "2a00:1450::5e", "64:ff9b::101:101", "::ffff:1.1.1.1"],
)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=6))
def test_outside_of_global_unicast_only_shells_are_public(address: IPv6Address) -> None:
    shells = ("::", "::ffff:", "64:ff9b:")
    if is_public(str(address)) and int(address) >> 125 != 1:
        assert str(address).startswith(shells)


V4, V6 = "203.0.113.9", "2001:db8::9"
#: What proxies write for one client.
SPELLINGS = {
    V4: (
        V4,
        f"{V4}:5678",
        f" {V4} ",
        f'"{V4}:5678"',
        f"::ffff:{V4}",
        f"[::ffff:{V4}]:5678",
        f"[{V4}]:80",
        "::ffff:cb00:7109",
        "64:ff9b::cb00:7109",
    ),
    V6: (
        V6,
        f"[{V6}]",
        f"[{V6}]:5678",
        f'"[{V6}]:5678"',
        f"{V6}%eth0",
        f"[{V6}%eth0]:1",
        "2001:DB8:0:0:0:0:0:9",
    ),
}


@pytest.mark.parametrize(
    ("meant", "spelling"), [(m, s) for m, all_ in SPELLINGS.items() for s in all_]
)
def test_every_spelling_is_one_address(meant: str, spelling: str) -> None:
    assert str(parse_address(spelling)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "localhost",
        "localhost:80",
        f"{V4}:",
        f"{V4}:x",
        f"{V4}:123456",
        "1.2.3",
        "1.2.3.4.5",
        "[::1",
        "::1]",
        "[::1]x",
        "２０３.0.113.9",
        "1" * 200,
        "[" * 99,
    ],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_address(text)
    assert is_public(text) in (True, False)
    assert is_loopback(text) in (True, False)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_port_changes_nothing(address: IPv4Address | IPv6Address, port: int) -> None:
    written = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert parse_address(written) == parse_address(str(address)) is not None


def test_a_caller_holds_an_ipv4_address_or_a_64() -> None:
    def block(text: str) -> str:
        address = parse_address(text)
        assert address is not None
        return network(address)

    assert block("2001:db8::1") == block("2001:db8::ffff")
    assert block("2001:db8::1") != block("2001:db8:0:1::1")
    assert block("::ffff:10.0.0.1") == block("10.0.0.1:99") != block("::ffff:10.0.0.2")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.2", False),
        ("chat.internal", False),
        ("localhost.evil.example", False),
    ],
)
def test_only_loopback_is_reached_from_its_own_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
