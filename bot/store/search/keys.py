"""The keys of the search index: numbers of 32 bits for bigrams and for values of fields.

The high 12 bits are the segment's, so that the keys of a segment stand together: writing touches
few pages, and a search reads the postings of a segment alone. The low 20 bits are a hash; two
bigrams with the same one cost a comparison, no more, since each candidate's row is compared again.
The sizes of numbers have hashes that nothing else has: a search asks for hundreds of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

_SEGMENT_BITS, _HASH_BITS = 12, 20
_SEGMENTS, _HASHES = 1 << _SEGMENT_BITS, 1 << _HASH_BITS
_SIGN = 1 << (_SEGMENT_BITS + _HASH_BITS - 1)
#: Below them are the hashes of bigrams and of fields' values.
_FIRST_SIZE, _SIZES = _HASHES - 1024, 256
_SIZED = ("latency", "tokens")
#: Odd constants that spread neighbouring code points over all bits.
_SPREAD_FIRST, _SPREAD_SECOND = 0x9E3779B1, 0x85EBCA77


def gram_hash(gram: str) -> int:
    """The hash of a bigram."""
    mixed = ord(gram[0]) * _SPREAD_FIRST + ord(gram[1]) * _SPREAD_SECOND & 0xFFFFFFFF
    return (mixed >> 12 ^ mixed) % _FIRST_SIZE


def field_hash(name: str, value: str) -> int:
    """The hash of a field's value."""
    return crc32(f"{name}\0{value}".encode("utf-8", "replace")) % _FIRST_SIZE


def size_hash(name: str, size: int) -> int:
    """The hash of a field's number; ``size``: below 256."""
    return _FIRST_SIZE + _SIZED.index(name) * _SIZES + size


def segment_keys(segment: int, hashes: Iterable[int]) -> list[int]:
    """The keys of these hashes in the segment of this number, as Postgres' signed integers."""
    high = (segment % _SEGMENTS << _HASH_BITS) - _SIGN
    return [high | value for value in hashes]
