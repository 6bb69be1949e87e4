"""Recovery codes: for the day on which the telephone is gone. Each is good once."""

from __future__ import annotations

import secrets
from hashlib import sha256

COUNT = 10
#: Without vowels, and without what looks alike: no word, and no mistake in copying.
_LETTERS = "bcdfghjkmnpqrstvwxyz23456789"
_GROUPS, _GROUP_CHARS = 4, 4


def new_codes() -> list[str]:
    """Codes of 76 random bits each."""
    return ["-".join(map(_group, range(_GROUPS))) for _ in range(COUNT)]


def code_hash(typed: str) -> str:
    """What is stored of a code, however its letters and dashes were typed.

    A fast hash is enough: nobody tries 2**76 codes.
    """
    plain = "".join(char for char in typed.lower() if char in _LETTERS)
    return sha256(plain.encode()).hexdigest()


def _group(_number: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_GROUP_CHARS))
