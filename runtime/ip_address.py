"""IP addresses as others write them: in headers, in settings, inside other addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address

#: Longer texts are no address: a full IPv6 address, brackets, a zone and a port are shorter.
MAX_CHARS = 100
_WITH_PORT = re.compile(r"\[(?P<v6>[^\[\]]*)\](?::[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")

#: Global unicast (RFC 4291, section 2.4); everything public outside of it embeds an IPv4 address.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
#: Addresses that ``is_global`` lets pass, each with a reason to be closed.
_CLOSED: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments (RFC 6890)
    IPv4Network("192.88.99.0/24"),  # the former anycast address of 6to4 relays (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # Azure's platform services, in each virtual machine
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)

#: The prefixes whose last 32 bits are an IPv4 address: compatible and mapped (RFC 4291, 2.5.5),
#: translated (RFC 2765, 2.1), NAT64's well-known one (RFC 6052, 2.1).
_LAST_32_BITS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96")))
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_ISATAP = 0x5EFE  # RFC 5214, 6.1; below the bit of a globally unique IPv4 address
_UNIVERSAL = 0x0200_0000
_32_BITS = 0xFFFF_FFFF


def parse_address(text: str) -> IpAddress | None:
    """The address in ``text``, with or without a port, brackets, quotes (RFC 7239) or a zone.

    An IPv4 address inside a mapped one or behind NAT64's well-known prefix is that IPv4 address:
    one host, one value. None for anything else.
    """
    bare = text[: MAX_CHARS + 1].strip().strip('"').strip()
    if found := _WITH_PORT.fullmatch(bare):
        bare = found["v6"] if found["v4"] is None else found["v4"]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return IPv4Address(int(address) & _32_BITS)
    return address


def is_loopback(host: str) -> bool:
    """Whether a listener on ``host`` is reached from its own machine only."""
    address = parse_address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def is_public(text: str) -> bool:
    """Whether an address is public. One that embeds another is public only if that is, too."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_open(address)
    inside = set(embedded_ipv4(address))
    # An address that is nothing but a shell has no scope of its own.
    scoped = not inside or address in _GLOBAL_UNICAST
    return all(map(_is_open, inside)) and (not scoped or _is_open(address))


def embedded_ipv4(address: IPv6Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that some transition mechanism would take out of this one."""
    bits = int(address)
    if any(address in network for network in (*_LAST_32_BITS, _NAT64)):
        yield IPv4Address(bits & _32_BITS)
    if address in _LOCAL_NAT64:
        yield from _local_nat64(bits)
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if (bits >> 32) & _32_BITS & ~_UNIVERSAL == _ISATAP:
        yield IPv4Address(bits & _32_BITS)


def _local_nat64(bits: int) -> Iterator[IPv4Address]:
    """The readings of RFC 6052, section 2.2, for prefixes of 96 and of 64 bits.

    Under a shorter prefix the last 32 bits are zero: the first reading is no public address.
    """
    yield IPv4Address(bits & _32_BITS)
    if bits & 0xFF_FFFF == 0:
        yield IPv4Address(bits >> 24 & _32_BITS)


def _is_open(address: IpAddress) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    closed = any(address in network for network in _CLOSED if network.version == address.version)
    return address.is_global and not address.is_multicast and not closed


def network(address: IpAddress) -> str:
    """The block that one caller holds: the address itself, or its /64 for IPv6."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((int(address) >> 64 << 64, 64)))
